"""Record batches as bytes and back, in Arrow's own format.

Knows nothing of what is in them.
"""

import pyarrow as pa


def as_bytes(batches: list[pa.RecordBatch]) -> bytes:
    """Batches of one schema, at least one."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batches[0].schema, options=pa.ipc.IpcWriteOptions(use_threads=False)) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return bytes(sink.getvalue())


def batches_in(data: bytes | pa.Buffer) -> list[pa.RecordBatch]:
    """What ``as_bytes`` was given."""
    with pa.ipc.open_stream(data, options=pa.ipc.IpcReadOptions(use_threads=False)) as reader:
        return list(reader)
