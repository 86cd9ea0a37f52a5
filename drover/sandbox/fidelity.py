"""Which scripts need a language whose built-in objects can be changed.

Payloads of one run share a realm whose built-ins are frozen: that keeps them apart at speed. A
script that changes a built-in, or asks whether it could, would notice, so it gets a fresh, unfrozen
realm for each payload instead. This decides how true to life a script runs, never how safe: a
script that gets past these words meets frozen objects.
"""

import re
from functools import lru_cache
from typing import Final

_BUILTINS: Final = (
    "AggregateError|Array|ArrayBuffer|Atomics|BigInt|Boolean|Buffer|DataView|Date|Error|EvalError|Infinity"
    "|Intl|Iterator|JSON|Map|Math|NaN|Number|Object|Promise|Proxy|RangeError|ReferenceError|RegExp|Set"
    "|String|Symbol|SyntaxError|TypeError|URIError|WeakMap|WeakRef|WeakSet|atob|btoa|console|decodeURI"
    "|decodeURIComponent|encodeURI|encodeURIComponent|escape|isFinite|isNaN|parseFloat|parseInt"
    "|performance|undefined|unescape|(?:Int|Uint|Float|BigInt|BigUint)\\d+(?:Clamped)?Array"
)
_CHANGES: Final = re.compile(
    r"\b(?:prototype|__\w+__|[gs]etPrototypeOf|definePropert\w*|eval|Function|globalThis|Reflect"
    r"|stackTraceLimit|prepareStackTrace|callee|is(?:Frozen|Extensible|Sealed))\b"
    rf"|\b(?:{_BUILTINS})\b(?:\s*\.\s*\w+)?\s*(?:[-+*/%&|^?<>]{{0,3}}=(?![=>])|\+\+|--)"
    rf"|\b(?:{_BUILTINS})\s*\["
)


@lru_cache(maxsize=4096)
def changes_builtins(script: str) -> bool:
    """Whether the script's text has a sign that it would notice frozen built-ins."""
    return _CHANGES.search(script) is not None
