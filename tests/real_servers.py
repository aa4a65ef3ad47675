"""The tiny network behind a real server of the KServe protocol; run by that server's own Python.

``python tests/real_servers.py kserve|mlserver REPOSITORY PORT``: the first needs kserve, the
second mlserver, both openvino; none of them is a dependency of this project. The repository is one
that ``python -m optimize export-ovms`` wrote.
"""

from __future__ import annotations

import asyncio
import json
import sys
import types
from pathlib import Path

import numpy as np
import openvino as ov


def compiled(repository: Path):
    """Name and compiled model of the repository's one entry, its latest version."""
    (entry,) = json.loads((repository / "config.json").read_text())["model_config_list"]
    folder = repository / entry["config"]["base_path"]
    latest = max((p for p in folder.iterdir() if p.name.isdecimal()), key=lambda p: int(p.name))
    config = entry["config"]["plugin_config"]
    model = ov.Core().compile_model(str(latest / "model.xml"), "CPU", config)
    return entry["config"]["name"], model


def answers(model, array: np.ndarray) -> dict[str, np.ndarray]:
    """Outputs by tensor name."""
    request = model.create_infer_request()
    found = request.infer({0: array})
    return {port.get_any_name(): np.array(value) for port, value in found.items()}


def _card(port) -> dict:
    return {
        "name": port.get_any_name(),
        "datatype": "FP32",
        "shape": [int(n) for n in port.get_shape()],
    }


def kserve(repository: Path, port: int) -> None:
    """KServe's own model server."""
    from kserve import InferOutput, InferResponse, Model, ModelServer

    name, model = compiled(repository)

    class Served(Model):
        def load(self):
            self.ready = True
            return True

        async def get_input_types(self):
            return [_card(p) for p in model.inputs]

        async def get_output_types(self):
            return [_card(p) for p in model.outputs]

        def predict(self, payload, headers=None, response_headers=None):
            outputs = []
            for key, value in answers(model, payload.inputs[0].as_numpy()).items():
                output = InferOutput(key, list(value.shape), "FP32")
                output.set_data_from_numpy(value, binary_data=True)
                outputs.append(output)
            return InferResponse(
                payload.id,
                name,
                outputs,
                requested_outputs=payload.request_outputs,
                use_binary_outputs=payload.use_binary_outputs,
            )

    served = Served(name)
    served.load()
    ModelServer(http_port=port, enable_grpc=False, workers=1).start([served])


def mlserver(repository: Path, port: int) -> None:
    """Seldon's MLServer, which knows JSON tensors only."""
    from mlserver import MLModel, MLServer, ModelSettings, Settings
    from mlserver.types import InferenceResponse, MetadataTensor, ResponseOutput

    name, model = compiled(repository)

    class Served(MLModel):
        async def load(self):
            return True

        async def predict(self, payload):
            sent = payload.inputs[0]
            array = np.array(sent.data.root, np.float32).reshape(sent.shape)
            return InferenceResponse(
                model_name=name,
                outputs=[
                    ResponseOutput(
                        name=key, shape=list(value.shape), datatype="FP32",
                        data=value.ravel().tolist(),
                    )
                    for key, value in answers(model, array).items()
                ],
            )  # fmt: skip

    module = types.ModuleType("served")  # it wants to import the class by its name
    module.Served, Served.__module__, Served.__qualname__ = Served, "served", "Served"
    sys.modules["served"] = module

    async def run() -> None:
        server = MLServer(
            Settings(
                http_port=port, grpc_port=port + 1, metrics_endpoint=None, parallel_workers=0,
                debug=False, host="127.0.0.1",
            )
        )  # fmt: skip
        described = ModelSettings(
            name=name,
            implementation=Served,
            inputs=[MetadataTensor(**_card(p)) for p in model.inputs],
            outputs=[MetadataTensor(**_card(p)) for p in model.outputs],
        )
        await server.start([described])

    asyncio.run(run())


if __name__ == "__main__":
    {"kserve": kserve, "mlserver": mlserver}[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
