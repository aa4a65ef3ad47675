// What the two roles are called: fixed and moving, or as a task calls them (`{prior: "moving"}`).

const NAMES = {
  fixed: { title: "pair.role.fixed", word: "pair.word.fixed", help: "pair.help.role.fixed", put: "pair.put.fixed" },
  moving: { title: "pair.role.moving", word: "pair.word.moving", help: "pair.help.role.moving", put: "pair.put.moving" },
  current: { title: "pair.role.current", word: "pair.word.current", help: "pair.help.role.current", put: "pair.put.current" },
  prior: { title: "pair.role.prior", word: "pair.word.prior", help: "pair.help.role.prior", put: "pair.put.prior" },
};

export const ROLES = ["fixed", "moving"];

/** Keys of the catalogue for both roles of a task, by its aliases. */
export function rolesOf(aliases = {}) {
  return Object.fromEntries(ROLES.map((role) => {
    const own = Object.keys(aliases).find((name) => aliases[name] === role && name in NAMES);
    return [role, NAMES[own ?? role]];
  }));
}
