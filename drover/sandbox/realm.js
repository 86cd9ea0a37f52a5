// The inside of a cage: evaluated once in every fresh context, before the user's script.
//
// Called as (script, tag, hardened, outputLimit, logLimit); answers one function:
//   drive(text, shape)    runs the script over one payload, answers its result or a status number
//   drive(null, 'output') the result or the failure of the last run
//   drive(null, 'logs')   the log entries of the last run as JSON
// `tag` is a random key that marks values JSON cannot hold; `shape` is the JSON list of the paths at
// which the text holds one. Everything used after the script ran is captured here, before it.
(function (script, tag, hardened, outputLimit, logLimit) {
  'use strict';
  const { parse, stringify } = JSON;
  const { apply, defineProperty, deleteProperty, getPrototypeOf, isExtensible, ownKeys } = Reflect;
  const { freeze, isFrozen, getOwnPropertyDescriptor, prototype: objectPrototype } = Object;
  const globals = globalThis;
  const evaluate = globals.eval;
  const sourceOf = Function.prototype.call.bind(Function.prototype.toString);
  const indexOf = Function.prototype.call.bind(String.prototype.indexOf);
  const cut = Function.prototype.call.bind(String.prototype.slice);
  const timeOf = Function.prototype.call.bind(Date.prototype.getTime);
  const isoOf = Function.prototype.call.bind(Date.prototype.toISOString);
  const functionPrototype = Function.prototype;
  const BaseDate = Date, BaseError = Error, BasePromise = Promise, BaseTypeError = TypeError;
  const text = String, finite = Number.isFinite;

  let encoding = false; // true while a result is written, so that Dates keep their type
  let kept; // the variable `payload` as the script left it
  let logs = [];
  let logged = 0;
  let shapeText = '[]';
  let paths = [];

  // -- what a script sees besides the language ------------------------------------------------

  const dateToJson = {
    toJSON() {
      const time = timeOf(this);
      if (!encoding) return finite(time) ? isoOf(this) : null;
      return finite(time) ? { [tag]: time } : null;
    },
  }.toJSON;

  function printable(value) {
    if (typeof value === 'string') return value;
    try {
      if (value instanceof BaseError) return `${value.name}: ${value.message}`;
      if (typeof value === 'object' && value !== null) return stringify(value);
      return text(value);
    } catch {
      return '[object]';
    }
  }

  function writer(level) {
    return {
      write(...values) {
        if (logged >= logLimit) return;
        let line = '';
        for (let i = 0; i < values.length; i++) line += (i ? ' ' : '') + printable(values[i]);
        logged += line.length + 16;
        if (logged >= logLimit) line = `${cut(line, 0, 1024)} [log limit reached]`;
        defineProperty(logs, logs.length, { value: [level, line], enumerable: true });
      },
    }.write;
  }

  const console = {};
  for (const level of ['log', 'info', 'warn', 'error', 'debug', 'trace']) {
    console[level] = writer(level === 'trace' ? 'debug' : level);
  }
  const hide = (target, key, value) =>
    defineProperty(target, key, { value, writable: true, configurable: true });
  hide(globals, 'console', console);
  hide(Date.prototype, 'toJSON', dateToJson);

  // -- hardening: nothing that outlives one payload can be changed -------------------------------

  // A frozen prototype would also stop a script from giving its own object a `name` or `toString`,
  // so these become accessors that write to the object at hand.
  function mend(prototype, key) {
    const held = getOwnPropertyDescriptor(prototype, key);
    if (!held || !held.configurable || !('value' in held)) return;
    defineProperty(prototype, key, {
      get: { get() { return held.value; } }.get,
      set: {
        set(value) {
          if (this === prototype || (typeof this !== 'object' && typeof this !== 'function')) return;
          defineProperty(this, key, { value, writable: true, enumerable: true, configurable: true });
        },
      }.set,
      enumerable: held.enumerable,
    });
  }

  function intrinsics() {
    const sync = (function* () {})();
    const async = (async function* () {})();
    const refused = (function () { return getOwnPropertyDescriptor(arguments, 'callee').get; })();
    return [
      globals, sync, async, async () => {}, refused, [].values(), new Map().entries(),
      new Set().entries(), ''[Symbol.iterator](), ''.matchAll(/a/g), [].values().map((x) => x),
      Iterator.from({ next() {} }), Iterator.concat ? Iterator.concat() : null, sync.constructor, console,
    ];
  }

  function freezeAll(first) {
    const waiting = [first];
    const add = (value) => {
      if (value !== null && (typeof value === 'object' || typeof value === 'function')) {
        if (value !== globals && !isFrozen(value)) waiting[waiting.length] = value;
      }
    };
    while (waiting.length) {
      const target = waiting.pop();
      if (target !== globals) freeze(target);
      const keys = ownKeys(target);
      // A built-in function has its length and its name, and Function.prototype above it.
      if (typeof target === 'function' && keys.length <= 2 && getPrototypeOf(target) === functionPrototype) continue;
      add(getPrototypeOf(target));
      for (const key of keys) {
        const held = getOwnPropertyDescriptor(target, key);
        add(held.value);
        add(held.get);
        add(held.set);
      }
    }
  }

  function harden() {
    delete globals.eval; // its global `let` and `const` cannot be taken back
    delete Error.prepareStackTrace;
    delete Error.stackTraceLimit;
    for (const key of ownKeys(globals)) {
      const value = globals[key];
      if (typeof value !== 'function' || !value.prototype) continue;
      for (const name of ['constructor', 'toString', 'valueOf', 'toLocaleString', 'toJSON', 'name', 'message']) {
        mend(value.prototype, name);
      }
    }
    for (const key of ownKeys(objectPrototype)) mend(objectPrototype, key);
    for (const found of intrinsics()) if (found) freezeAll(found);
    for (const key of ownKeys(globals)) {
      const { value } = getOwnPropertyDescriptor(globals, key);
      defineProperty(globals, key, { value, writable: false, configurable: false });
    }
    globalKeys = ownKeys(globals).length;
  }

  let globalKeys = 0;

  // Takes back what a sloppy assignment left behind; false when that is not possible.
  function reset() {
    const keys = ownKeys(globals);
    if (keys.length !== globalKeys) {
      for (let i = 0; i < keys.length; i++) deleteProperty(globals, keys[i]);
      if (ownKeys(globals).length !== globalKeys) return false;
    }
    return isExtensible(globals) && getPrototypeOf(globals) === objectPrototype;
  }

  // -- the script ------------------------------------------------------------------------------

  function compileOne(source) {
    const made = evaluate(`(${source})`);
    // A body that closes our function early would be something else than one function.
    if (typeof made !== 'function' || sourceOf(made) !== source) throw new SyntaxError('unbalanced script');
    return made;
  }

  function compile() {
    compileOne(`function (payload) {\n${script}\n}`);
    const made = compileOne(`function (payload, $keep) { try {\n${script}\n} finally { $keep(payload); } }`);
    if (hardened) {
      freeze(made.prototype);
      freeze(made);
    }
    return made;
  }

  function keep(value) {
    kept = value;
  }

  // -- values in and out -----------------------------------------------------------------------

  const numbersByName = { NaN: NaN, Infinity: Infinity, '-Infinity': -Infinity };

  function decode(json, shape) {
    const root = { root: parse(json) };
    if (shape !== shapeText) {
      paths = parse(shape);
      shapeText = shape;
    }
    for (let i = 0; i < paths.length; i++) {
      const [kind, path] = paths[i];
      const last = path.length - 1;
      let holder = root;
      for (let j = 0; j < last; j++) holder = holder[path[j]];
      const key = path[last];
      holder[key] = kind === 'Date' ? new BaseDate(holder[key]) : numbersByName[kind];
    }
    return root.root;
  }

  const numbers = (key, value) => (typeof value === 'number' && !finite(value) ? { [tag]: text(value) } : value);

  function encode(value) {
    encoding = true;
    try {
      const json = stringify(value);
      // JSON writes NaN as null: only a result with a null in it can hold one.
      return json !== undefined && indexOf(json, 'null') >= 0 ? stringify(value, numbers) : json;
    } finally {
      encoding = false;
    }
  }

  function failure(name, message, stack) {
    return stringify([cut(text(name), 0, 256), cut(text(message), 0, 16384), cut(text(stack), 0, 16384)]);
  }

  function describe(error) {
    try {
      if (error === null || typeof error !== 'object') return failure('Error', error, '');
      const { name = 'Error', message = '', stack = '' } = error;
      return failure(name, message, stack);
    } catch {
      return failure('Error', 'an error that cannot be shown', '');
    }
  }

  function attempt(json, shape) {
    const payload = json === '' ? undefined : decode(json, shape);
    let result = apply(body, undefined, [payload, keep]);
    if (result === undefined) result = kept;
    if (result instanceof BasePromise) throw new BaseTypeError('a script cannot answer a promise');
    if (!hardened) hide(BaseDate.prototype, 'toJSON', dateToJson);
    return encode(result);
  }

  // A clean result is answered at once, as its JSON text. Anything else is answered as a status number:
  // 0 value, 1 undefined, 2 failure, 3 too large; +4 it has logs, +8 the context is spent.
  function answer(status, out) {
    let flags = status + (logs.length ? 4 : 0);
    if (hardened && !reset()) flags += 8;
    if (flags === 0) return out;
    output = out;
    return flags;
  }

  function drive(json, shape) {
    if (json === null) return shape === 'logs' ? stringify(logs) : output;
    logs = [];
    logged = 0;
    kept = undefined;
    if (broken !== null) return answer(2, broken);
    try {
      const out = attempt(json, shape);
      if (out === undefined) return answer(1, '');
      return out.length > outputLimit ? answer(3, '') : answer(0, out);
    } catch (error) {
      return answer(2, describe(error));
    }
  }

  let output = '';
  let body;
  let broken = null;
  if (hardened) harden();
  try {
    body = compile();
  } catch (error) {
    broken = describe(error);
  }
  return drive;
})
