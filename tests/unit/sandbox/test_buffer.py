"""The Buffer of a cage: the parts that scripts for devices use."""

import base64

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drover.ports.scripts import ScriptFailure

EACH = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@EACH
@given(text=st.text())
def test_text_is_written_and_read_as_utf8(run, text):
    encoded = text.encode()

    result = run(
        "const b = Buffer.from(payload); return [b.toString(), b.toString('hex'), b.toString('base64'), b.length]",
        text,
    )

    assert result.payload == [text, encoded.hex(), base64.b64encode(encoded).decode(), len(encoded)]


@EACH
@given(raw=st.binary())
def test_bytes_are_read_in_every_encoding_as_they_were_written(run, raw):
    script = """
    const b = Buffer.from(payload);
    return ['hex', 'base64', 'base64url', 'latin1', 'binary'].map((e) => Buffer.from(b.toString(e), e).equals(b))
      .concat([b.toString('base64url')]);
    """

    result = run(script, list(raw))

    assert result.payload == [*[True] * 5, base64.urlsafe_b64encode(raw).decode().rstrip("=")]


@EACH
@given(raw=st.binary())
def test_bytes_that_are_not_utf8_are_replaced_as_the_standard_says(run, raw):
    assert run("return Buffer.from(payload).toString()", list(raw)).payload == raw.decode(
        errors="replace"
    )


@pytest.mark.parametrize(
    ("script", "left"),
    [
        ("return Buffer.from('0102ff', 'hex').readUInt8(2)", 255),
        ("return Buffer.from('0102', 'hex').readUInt16BE()", 0x0102),
        ("return Buffer.from('0102', 'hex').readUInt16LE(0)", 0x0201),
        ("return Buffer.from('fffe', 'hex').readInt16BE(0)", -2),
        ("return Buffer.from('01020304', 'hex').readUInt32LE(0)", 0x04030201),
        ("return Buffer.from('01020304', 'hex').readUint32BE(0)", 0x01020304),
        ("return Buffer.from('ff', 'hex').readInt8(0)", -1),
        ("return Buffer.from('40490fdb', 'hex').readFloatBE(0).toFixed(5)", "3.14159"),
        ("return Buffer.from('010203', 'hex').readUIntBE(0, 3)", 0x010203),
        ("return Buffer.from('010203', 'hex').readUIntLE(0, 3)", 0x030201),
        ("return Buffer.from('fffffe', 'hex').readIntBE(0, 3)", -2),
        (
            "const b = Buffer.alloc(4); b.writeInt16BE(-2); b.writeUInt16LE(513, 2); return b.toString('hex')",
            "fffe0102",
        ),
        (
            "const b = Buffer.alloc(6); return [b.writeIntBE(-2, 0, 6), b.toString('hex')]",
            [6, "fffffffffffe"],
        ),
        (
            "const b = Buffer.alloc(3); b.writeUIntLE(66051, 0, 3); return b.toString('hex')",
            "030201",
        ),
        (
            "const b = Buffer.alloc(8); b.writeDoubleBE(1.5); return [b.readDoubleBE(), b.toString('hex')]",
            [1.5, "3ff8000000000000"],
        ),
        ("return Buffer.concat([Buffer.from('ab'), Buffer.from('cd')]).toString()", "abcd"),
        ("return Buffer.concat([Buffer.from('ab'), Buffer.from('cd')], 3).toString()", "abc"),
        ("const b = Buffer.from('hello'); b.slice(0, 1)[0] = 72; return b.toString()", "Hello"),
        ("return Buffer.from('hello').slice(-3).toString()", "llo"),
        ("return Buffer.from('hello').toString('utf8', 1, 3)", "el"),
        ("return Buffer.alloc(3, 'ab').toString()", "aba"),
        ("return Buffer.alloc(2, 7).toJSON()", {"type": "Buffer", "data": [7, 7]}),
        ("return Buffer.alloc(4).fill('zz', 1, 3).toJSON().data", [0, 122, 122, 0]),
        ("return Buffer.alloc(2).fill('3031', 'hex').toString()", "01"),
        ("return { b: Buffer.from('a') }", {"b": {"type": "Buffer", "data": [97]}}),
        ("return Buffer.from(Buffer.from('a').toJSON()).toString()", "a"),
        ("return Buffer.from([256, 257, -1]).toJSON().data", [0, 1, 255]),
        ("return Buffer.from(new Uint8Array([1, 2]).buffer, 1).length", 1),
        (
            "return new Buffer('old').toString() + Buffer('older') + new Buffer(2).length",
            "oldolder2",
        ),
        (
            "return [Buffer.isBuffer(Buffer.alloc(1)), Buffer.isBuffer(new Uint8Array(1)), Buffer.alloc(1) instanceof Uint8Array]",
            [True, False, True],
        ),
        (
            "return [Buffer.isEncoding('HEX'), Buffer.isEncoding('x'), Buffer.isEncoding('constructor')]",
            [True, False, False],
        ),
        ("return [Buffer.byteLength('\u20ac'), Buffer.byteLength(Buffer.alloc(2))]", [3, 2]),
        (
            "return [Buffer.compare(Buffer.from('a'), Buffer.from('b')), Buffer.from('b').compare(Buffer.from('a')), Buffer.from('a').equals(Buffer.from('ab'))]",
            [-1, 1, False],
        ),
        (
            "const b = Buffer.from('hello'); return [b.indexOf('l'), b.indexOf(111), b.includes('lo'), b.indexOf('x'), b.indexOf('l', -2)]",
            [2, 4, True, -1, 3],
        ),
        (
            "const b = Buffer.alloc(4); return [b.write('abcdef', 1), b.write('zz', 0, 1), b.write('ff', 'hex'), b.toString('latin1')]",
            [3, 1, 1, "\u00ffabc"],
        ),
        (
            "const t = Buffer.alloc(3); return [Buffer.from('abcd').copy(t, 1, 1), t.toString('latin1')]",
            [2, "\0bc"],
        ),
        ("return Buffer.from('h\u20ac', 'utf16le').toString('ucs2')", "h\u20ac"),
        ("return Buffer.from('\u00e9', 'ascii').toString('ascii')", "i"),
        ("return Buffer.from('0g12', 'hex').length + Buffer.from('abc', 'hex').length", 1),
        ("return Buffer.from('a\\nb -_', 'base64').length", 3),
        ("return Buffer.of(1, 2).map((x) => x * 2).toString('hex')", "0204"),
        ("return [...Buffer.from('ab').entries()]", [[0, 97], [1, 98]]),
        ("return Buffer.allocUnsafe(2).length + `${Buffer.from('x')}`", "2x"),
        ("return Buffer.from('0000000000000001', 'hex').readBigUInt64BE(0).toString()", "1"),
        (
            "const h = '0102030405060708'; return ['swap16', 'swap32', 'swap64'].map((s) => Buffer.from(h, 'hex')[s]().toString('hex'))",
            ["0201040306050807", "0403020108070605", "0807060504030201"],
        ),
        (
            "const b = Buffer.from('hello'); return [b.lastIndexOf('l'), b.lastIndexOf(Buffer.from('el')), b.lastIndexOf('l', 2), b.lastIndexOf('l', -3), b.lastIndexOf('x')]",
            [3, 1, 2, 2, -1],
        ),
        (
            "const b = Buffer.alloc(4); return [b.write('ab\u20ac'), b.toString('hex'), b.write('\u20ac', 1, 'ucs2')]",
            [2, "61620000", 2],
        ),
        ("return Buffer.from('hello').toString('utf8', -2, 3)", "hel"),
        ("return Buffer.from('hello').toString('utf8', 0, -1)", ""),
        ("return [Buffer.alloc(1).writeInt8(-128), Buffer.alloc(2).writeUInt16LE(65535)]", [1, 2]),
    ],
)
def test_methods(run, script, left):
    assert run(script).payload == left


@pytest.mark.parametrize(
    ("script", "name"),
    [
        ("Buffer.from('a', 'klingon')", "TypeError"),
        ("Buffer.from(null)", "TypeError"),
        ("Buffer.from(5)", "TypeError"),
        ("Buffer.alloc(1).readUInt16LE(0)", "RangeError"),
        ("Buffer.alloc(4).readUIntBE(0, 7)", "RangeError"),
        ("Buffer.alloc(2).writeUIntBE(1, 1, 2)", "RangeError"),
        ("Buffer.alloc(-1)", "RangeError"),
        ("Buffer.alloc(1).writeUInt8(256)", "RangeError"),
        ("Buffer.alloc(1).writeInt8(-129)", "RangeError"),
        ("Buffer.alloc(4).writeUInt32BE(-1)", "RangeError"),
        ("Buffer.alloc(3).writeUIntLE(-1, 0, 3)", "RangeError"),
        ("Buffer.alloc(3).writeIntBE(8388608, 0, 3)", "RangeError"),
        ("Buffer.alloc(3).swap16()", "RangeError"),
    ],
)
def test_misuse_throws(run, script, name):
    failure = run(script).payload

    assert isinstance(failure, ScriptFailure)
    assert failure.name == name
