"""Generates the messages and services of the .proto files into `generated/`."""

import sys
from pathlib import Path

import grpc_tools
from grpc_tools import protoc

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[2]
SOURCES = [REPOSITORY / "cloudstate-protocol/proto", REPOSITORY / "tck-harness/proto"]
WELL_KNOWN = Path(grpc_tools.__file__).parent / "_proto"


def main() -> int:
    output = HERE / "generated"
    output.mkdir(exist_ok=True)
    files = [path for source in SOURCES for path in sorted(source.rglob("*.proto"))]
    return protoc.main(
        [
            "protoc",
            *(f"--proto_path={path}" for path in [*SOURCES, WELL_KNOWN]),
            f"--python_out={output}",
            f"--grpc_python_out={output}",
            *map(str, files),
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
