"""What is measured, each in one file, each in a process and where needed an environment of its own.

A peer is a module with ``open_peer(config) -> Peer``. `worker` runs it and answers one JSON line
for each JSON line, so that blocks of all peers can take turns within one run. Only NumPy and the
framework itself are imported outside `openvino_peer`, `appliance_peer` and `opencv_peer`.
"""
