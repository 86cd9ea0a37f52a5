// The `Buffer` of a cage: bytes with the methods that scripts for devices use. Evaluated only for a
// script that names it, before the realm is hardened; answers the constructor.
(function () {
  'use strict';
  const { construct, defineProperty, setPrototypeOf } = Reflect;
  const Bytes = Uint8Array;
  const HEX = '0123456789abcdef';
  const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  const SIXBITS = {};
  for (let i = 0; i < 64; i++) SIXBITS[ALPHABET[i]] = i;
  SIXBITS['-'] = 62;
  SIXBITS['_'] = 63;

  const make = (length) => construct(Bytes, [length], Buffer);

  function Buffer(value, encodingOrOffset, length) {
    return typeof value === 'number' ? make(value) : Buffer.from(value, encodingOrOffset, length);
  }

  // -- text to bytes and back -------------------------------------------------------------------

  function utf8Bytes(text) {
    const bytes = [];
    for (const letter of text) {
      let code = letter.codePointAt(0);
      if (code >= 0xd800 && code <= 0xdfff) code = 0xfffd;
      if (code < 0x80) bytes.push(code);
      else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 63));
      else if (code < 0x10000) bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
      else bytes.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
    }
    return bytes;
  }

  // Length of the sequence that a first byte opens, and the least second byte and most it allows.
  function sequence(first) {
    if (first < 0xc2 || first > 0xf4) return [1, 0, 0];
    if (first < 0xe0) return [2, 0x80, 0xbf];
    if (first < 0xf0) return [3, first === 0xe0 ? 0xa0 : 0x80, first === 0xed ? 0x9f : 0xbf];
    return [4, first === 0xf0 ? 0x90 : 0x80, first === 0xf4 ? 0x8f : 0xbf];
  }

  function utf8Text(bytes) {
    let text = '';
    for (let i = 0; i < bytes.length; ) {
      const first = bytes[i++];
      if (first < 0x80) { text += String.fromCharCode(first); continue; }
      let [length, least, most] = sequence(first);
      let code = first & (0xff >> (length + 1));
      let left = length - 1;
      for (; left > 0 && bytes[i] >= least && bytes[i] <= most; left--, least = 0x80, most = 0xbf) {
        code = (code << 6) | (bytes[i++] & 63);
      }
      text += length === 1 || left ? '\ufffd' : String.fromCodePoint(code);
    }
    return text;
  }

  function base64Bytes(text) {
    const bytes = [];
    let bits = 0, held = 0;
    for (const letter of text) {
      if (letter === '=') break;
      const value = SIXBITS[letter];
      if (value === undefined) continue;
      held = ((held << 6) | value) & 0xffffff;
      bits += 6;
      if (bits >= 8) bytes.push((held >> (bits -= 8)) & 255);
    }
    return bytes;
  }

  function base64Text(bytes) {
    let text = '';
    for (let i = 0; i < bytes.length; i += 3) {
      const left = bytes.length - i;
      const held = (bytes[i] << 16) | ((bytes[i + 1] || 0) << 8) | (bytes[i + 2] || 0);
      text += ALPHABET[held >> 18] + ALPHABET[(held >> 12) & 63];
      text += (left > 1 ? ALPHABET[(held >> 6) & 63] : '=') + (left > 2 ? ALPHABET[held & 63] : '=');
    }
    return text;
  }

  function hexBytes(text) {
    const bytes = [];
    for (let i = 0; i + 1 < text.length; i += 2) {
      const pair = text.slice(i, i + 2);
      if (!/^[0-9a-f]{2}$/i.test(pair)) break;
      bytes.push(parseInt(pair, 16));
    }
    return bytes;
  }

  const join = (bytes, letter) => {
    let text = '';
    for (let i = 0; i < bytes.length; i++) text += letter(bytes[i]);
    return text;
  };
  const units = (text) => Array.from({ length: text.length }, (_, i) => text.charCodeAt(i));
  const urlSafe = { '+': '-', '/': '_', '=': '' };

  const utf8 = { read: utf8Bytes, write: utf8Text };
  const latin1 = { read: units, write: (bytes) => join(bytes, (byte) => String.fromCharCode(byte)) };
  const utf16 = {
    read: (text) => units(text).flatMap((unit) => [unit & 255, unit >> 8]),
    write(bytes) {
      let text = '';
      for (let i = 0; i + 1 < bytes.length; i += 2) text += String.fromCharCode(bytes[i] | (bytes[i + 1] << 8));
      return text;
    },
  };
  const ENCODINGS = {
    __proto__: null,
    utf8, 'utf-8': utf8, latin1, binary: latin1,
    ascii: { read: units, write: (bytes) => join(bytes, (byte) => String.fromCharCode(byte & 127)) },
    hex: { read: hexBytes, write: (bytes) => join(bytes, (byte) => HEX[byte >> 4] + HEX[byte & 15]) },
    base64: { read: base64Bytes, write: base64Text },
    base64url: { read: base64Bytes, write: (bytes) => base64Text(bytes).replace(/[+/=]/g, (c) => urlSafe[c]) },
    utf16le: utf16, 'utf-16le': utf16, ucs2: utf16, 'ucs-2': utf16,
  };

  function encodingNamed(name) {
    const found = ENCODINGS[String(name === undefined || name === null ? 'utf8' : name).toLowerCase()];
    if (!found) throw new TypeError(`Unknown encoding: ${name}`);
    return found;
  }

  // -- the constructor --------------------------------------------------------------------------

  function fromObject(value, offset, length) {
    if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) {
      return construct(Bytes, [value, offset, length], Buffer);
    }
    const list = value && value.type === 'Buffer' ? value.data : value;
    if (typeof list !== 'object' || list === null || list.length === undefined) {
      throw new TypeError('A Buffer is made from text, bytes, an array or a buffer');
    }
    const made = make(list.length >>> 0);
    for (let i = 0; i < made.length; i++) made[i] = list[i];
    return made;
  }

  function filled(made, fill, encoding) {
    const bytes = typeof fill === 'string' ? encodingNamed(encoding).read(fill) : fill;
    if (typeof bytes === 'number') return Bytes.prototype.fill.call(made, bytes);
    for (let i = 0; bytes && bytes.length && i < made.length; i++) made[i] = bytes[i % bytes.length];
    return made;
  }

  const statics = {
    from(value, encodingOrOffset, length) {
      if (typeof value === 'string') return fromObject(encodingNamed(encodingOrOffset).read(value));
      return fromObject(value, encodingOrOffset, length);
    },
    alloc: (size, fill, encoding) => (fill === undefined ? make(size) : filled(make(size), fill, encoding)),
    allocUnsafe: (size) => make(size),
    of: (...bytes) => fromObject(bytes),
    isBuffer: (value) => value instanceof Buffer,
    isEncoding: (name) => typeof name === 'string' && name.toLowerCase() in ENCODINGS,
    byteLength: (value, encoding) => (typeof value === 'string' ? encodingNamed(encoding).read(value).length : value.byteLength),
    concat(list, total = list.reduce((sum, one) => sum + one.length, 0)) {
      const made = make(total);
      let offset = 0;
      for (const one of list) {
        for (let i = 0; i < one.length && offset < total; i++) made[offset++] = one[i];
      }
      return made;
    },
    compare(a, b) {
      for (let i = 0; i < a.length && i < b.length; i++) if (a[i] !== b[i]) return a[i] < b[i] ? -1 : 1;
      return Math.sign(a.length - b.length);
    },
  };

  const bytesOf = (value, encoding) => (typeof value === 'number' ? [value & 255] : typeof value === 'string' ? encodingNamed(encoding).read(value) : value);

  function standsAt(buffer, at, wanted) {
    let i = 0;
    while (i < wanted.length && buffer[at + i] === wanted[i]) i++;
    return i === wanted.length;
  }

  const methods = {
    toString(encoding, start = 0, end = this.length) {
      return encodingNamed(encoding).write(this.subarray(Math.max(start, 0), Math.max(end, 0)));
    },
    toLocaleString(encoding, start, end) { return this.toString(encoding, start, end); },
    toJSON() { return { type: 'Buffer', data: Array.from(this) }; },
    equals(other) { return Buffer.compare(this, other) === 0; },
    compare(other) { return Buffer.compare(this, other); },
    slice(start, end) { return this.subarray(start, end); },
    copy(target, targetStart = 0, start = 0, end = this.length) {
      const part = this.subarray(start, Math.min(end, start + target.length - targetStart));
      target.set(part, targetStart);
      return part.length;
    },
    fill(value, start = 0, end = this.length, encoding) {
      if (typeof start === 'string') filled(this, value, start);
      else filled(this.subarray(start, end), value, encoding);
      return this;
    },
    write(text, offset = 0, length = this.length - offset, encoding) {
      if (typeof offset === 'string') return this.write(text, 0, this.length, offset);
      if (typeof length === 'string') return this.write(text, offset, this.length - offset, length);
      const named = encodingNamed(encoding), bytes = named.read(text);
      let count = Math.min(bytes.length, length, this.length - offset);
      // A character of several bytes is written whole or not at all.
      if (named === utf8) while (count > 0 && (bytes[count] & 0xc0) === 0x80) count--;
      if (named === utf16) count -= count % 2;
      for (let i = 0; i < count; i++) this[offset + i] = bytes[i];
      return count;
    },
    indexOf(value, start = 0, encoding) {
      const wanted = bytesOf(value, encoding);
      for (let i = start < 0 ? Math.max(0, this.length + start) : start; i + wanted.length <= this.length; i++) {
        if (standsAt(this, i, wanted)) return i;
      }
      return -1;
    },
    lastIndexOf(value, start = this.length, encoding) {
      const wanted = bytesOf(value, encoding);
      for (let i = Math.min(start < 0 ? this.length + start : start, this.length - wanted.length); i >= 0; i--) {
        if (standsAt(this, i, wanted)) return i;
      }
      return -1;
    },
    includes(value, start, encoding) { return this.indexOf(value, start, encoding) >= 0; },
  };

  // -- numbers ----------------------------------------------------------------------------------

  // So many bytes each change their order: words of devices often have another one.
  for (const size of [2, 4, 8]) {
    methods[`swap${size * 8}`] = { swap() {
      if (this.length % size) throw new RangeError(`The length must be a multiple of ${size}`);
      for (let i = 0; i < this.length; i += size) Bytes.prototype.reverse.call(this.subarray(i, i + size));
      return this;
    } }.swap;
  }

  function checked(value, least, most) {
    if (value < least || value > most) throw new RangeError(`The value must be from ${least} to ${most}: ${value}`);
    return value;
  }
  const wholeNumbers = (size, signed) => (signed ? [-(2 ** (8 * size - 1)), 2 ** (8 * size - 1) - 1] : [0, 2 ** (8 * size) - 1]);

  const view = (buffer) => new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);

  function addNumber(name, size, kind) {
    const [least, most] = /^U?int/i.test(kind) ? wholeNumbers(size, kind[0] === 'I') : [-Infinity, Infinity];
    for (const order of size === 1 ? [''] : ['LE', 'BE']) {
      const get = { get(offset = 0) { return view(this)[`get${kind}`](offset, order === 'LE'); } }.get;
      const set = { set(value, offset = 0) { view(this)[`set${kind}`](offset, checked(value, least, most), order === 'LE'); return offset + size; } }.set;
      for (const spelling of [name, name.replace('UI', 'Ui')]) {
        methods[`read${spelling}${order}`] = get;
        methods[`write${spelling}${order}`] = set;
      }
    }
  }
  for (const bits of [8, 16, 32]) {
    addNumber(`Int${bits}`, bits / 8, `Int${bits}`);
    addNumber(`UInt${bits}`, bits / 8, `Uint${bits}`);
  }
  addNumber('Float', 4, 'Float32');
  addNumber('Double', 8, 'Float64');
  addNumber('BigInt64', 8, 'BigInt64');
  addNumber('BigUInt64', 8, 'BigUint64');

  function within(buffer, offset, size) {
    if (!(size >= 1 && size <= 6) || !(offset >= 0 && offset + size <= buffer.length)) {
      throw new RangeError('The offset or the size is out of range');
    }
  }

  function addSized(order) {
    const at = (offset, size, i) => (order === 'LE' ? offset + size - 1 - i : offset + i);
    const read = (buffer, offset, size) => {
      within(buffer, offset, size);
      let value = 0;
      for (let i = 0; i < size; i++) value = value * 256 + buffer[at(offset, size, i)];
      return value;
    };
    const write = (buffer, value, offset, size, signed) => {
      within(buffer, offset, size);
      checked(value, ...wholeNumbers(size, signed));
      let left = value < 0 ? value + 2 ** (8 * size) : value;
      for (let i = size - 1; i >= 0; i--, left = Math.floor(left / 256)) buffer[at(offset, size, i)] = left % 256;
      return offset + size;
    };
    methods[`readUInt${order}`] = methods[`readUint${order}`] = { read(offset, size) { return read(this, offset, size); } }.read;
    methods[`readInt${order}`] = {
      read(offset, size) {
        const value = read(this, offset, size);
        return value < 2 ** (8 * size - 1) ? value : value - 2 ** (8 * size);
      },
    }.read;
    methods[`writeInt${order}`] = { write(value, offset, size) { return write(this, value, offset, size, true); } }.write;
    methods[`writeUInt${order}`] = methods[`writeUint${order}`] = {
      write(value, offset, size) { return write(this, value, offset, size, false); },
    }.write;
  }
  addSized('LE');
  addSized('BE');

  const hidden = (value) => ({ value, writable: true, configurable: true });
  setPrototypeOf(Buffer, Bytes);
  Buffer.prototype = Object.create(Bytes.prototype, { constructor: hidden(Buffer) });
  for (const name in statics) defineProperty(Buffer, name, hidden(statics[name]));
  for (const name in methods) defineProperty(Buffer.prototype, name, hidden(methods[name]));
  return Buffer;
})
