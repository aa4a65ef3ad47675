"""One task a file, and nothing but tasks in this folder; each file's last line is ``TASK``."""
