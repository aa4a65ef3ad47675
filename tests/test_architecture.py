"""The imports, read from the code, point the way docs/architecture.md draws them."""

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
OURS = ("appliance", "training", "optimize", "benchmarks", "ui")


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def modules(folder: str):
    for path in sorted((ROOT / folder).rglob("*.py")):
        yield path.relative_to(ROOT).as_posix(), imports_of(path)


def uses(imports: set[str], *packages: str) -> set[str]:
    return {i for i in imports if any(i == p or i.startswith(p + ".") for p in packages)}


def test_core_imports_only_numpy_and_opencv_and_does_no_io():
    allowed = {"numpy", "cv2", "appliance.core"} | set(sys.stdlib_module_names)
    doers = (
        "os",
        "pathlib",
        "io",
        "socket",
        "subprocess",
        "sqlite3",
        "urllib",
        "shutil",
        "tempfile",
    )
    for name, imports in modules("appliance/core"):
        foreign = {i for i in imports if not uses({i}, *allowed)}
        assert not foreign, f"{name} imports {sorted(foreign)}"
        assert not uses(imports, *doers), f"{name} does input or output"


def test_the_appliance_knows_nothing_of_its_workshop():
    for name, imports in modules("appliance"):
        found = uses(imports, "training", "optimize", "benchmarks", "tensorflow", "nncf")
        assert not found, f"{name} imports {found}"


def test_training_and_optimize_meet_only_on_disk():
    for name, imports in modules("training"):
        if not name.startswith("training/evaluation/"):
            assert not uses(imports, "optimize", "benchmarks"), name
    for name, imports in modules("optimize"):
        assert not uses(imports, "training", "benchmarks", "tensorflow"), name


def test_the_evaluation_judges_what_optimize_makes_and_knows_nothing_of_training():
    allowed = {"page", "processes", "evaluation"}
    for name, imports in modules("training/evaluation"):
        assert not uses(imports, "benchmarks", "tensorflow"), name
        parts = {i.split(".")[1] for i in uses(imports, "training") if "." in i}
        assert parts <= allowed, f"{name} imports {sorted(parts - allowed)}"


def test_the_page_imports_nothing():
    for name, imports in modules("ui"):
        assert not uses(imports, *OURS, "flask"), name


def test_one_module_imports_openvino_and_three_import_onedal():
    by_openvino = [n for n, i in modules("appliance") if uses(i, "openvino")]
    by_onedal = [n for n, i in modules("appliance") if uses(i, "sklearnex", "daal4py", "sklearn")]
    assert by_openvino == ["appliance/runtime.py"]
    assert by_onedal == [f"appliance/{n}.py" for n in ("boosting", "neighbours", "onedal")]
    first = (ROOT / "appliance" / "boosting.py").read_text(encoding="utf-8")
    assert first.index("from appliance import onedal") < first.index("from daal4py import")


def test_tasks_import_no_runtime_and_no_web():
    for name, imports in modules("appliance/tasks"):
        assert not uses(imports, "appliance.runtime", "appliance.onedal", "flask", "openvino"), name


def test_no_circles_in_the_appliance():
    graph: dict[str, set[str]] = {}
    known = {}
    for name, imports in modules("appliance"):
        module = name.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        known[module] = imports
    for module, imports in known.items():
        graph[module] = {i for i in imports if i in known and i != module}
    top = {
        module: {d for d in deps if not module.startswith(d + ".") and d not in ("appliance",)}
        for module, deps in graph.items()
    }
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join((*trail, module))
        if module in done:
            return
        for dependency in top[module]:
            visit(dependency, (*trail, module))
        done.add(module)

    for module in top:
        visit(module, ())


def test_serving_loads_no_tensorflow():
    code = "import sys, appliance.app; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=120, check=False).returncode == 0
