"""How code is compiled here, and the two instructions that the compiler has no name for.

Knows numba. It must never know what is compiled.
"""

from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar, cast

try:
    import numba
    from llvmlite import ir
    from numba.core import types
    from numba.core.caching import FunctionCache
    from numba.extending import intrinsic
    from numpy import uint8, uint64
    from numpy.typing import NDArray
except ModuleNotFoundError as error:
    missing = f'A replay needs {error.name}, which is not installed. Run: pip install "account-lifecycle[replay]"'
    raise ModuleNotFoundError(missing, name=error.name) from error

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])
Int = Any
"""An integer of whichever width the compiler finds that it has."""
Record = Any
"""A row of a structured array, whose fields are read and written by name."""


def native(function: FunctionT) -> FunctionT:
    """Compile a function at its first call, and keep the result on disk; it runs without the interpreter's lock."""
    compiled: Any = numba.njit(nogil=True, boundscheck=False)(function)
    compiled._cache = _Kept(function)  # type: ignore[no-untyped-call]
    return cast("FunctionT", compiled)


def inlined(function: FunctionT) -> FunctionT:
    """Compile a function into whatever calls it: passing it arrays would cost more than it does."""
    return cast("FunctionT", numba.njit(inline="always")(function))


class _Kept(FunctionCache):
    """What was compiled, on disk, as long as nothing has changed that it was compiled from.

    numba by itself looks at the function's own file only; but the numbers of the machine come from other files, and
    are constants to the compiler.
    """

    def _index_key(self, signature: Any, codegen: Any) -> Any:
        return (*super()._index_key(signature, codegen), _fingerprint())  # type: ignore[no-untyped-call]


@cache
def _fingerprint() -> str:
    """Of all source that compiled code can come from, as it stands on disk."""
    package = Path(__file__).parents[1]
    sources = [*package.glob("lifecycle/*.py"), *package.glob("replay/**/*.py"), package / "payloads.py"]
    return sha256(b"".join(path.read_bytes() for path in sorted(sources))).hexdigest()


def _load64(_context: Any, data: Any, _at: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        pointer = builder.gep(array.data, [arguments[1]])
        pointer = builder.bitcast(pointer, ir.IntType(64).as_pointer())
        return builder.load(pointer, align=1)

    return types.uint64(data, types.uint64), generate


def _trailing_zeros(_context: Any, _word: Any) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), generate


load64 = cast("Callable[[NDArray[uint8], uint64], uint64]", intrinsic(_load64))
"""Eight bytes at once, the first one lowest; there must be as many. Only for compiled code."""
trailing_zeros = cast("Callable[[uint64], uint64]", intrinsic(_trailing_zeros))
"""How many of the lowest bits are zero; not all of them may be. Only for compiled code."""
