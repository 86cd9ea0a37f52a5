// The inside of a cage: evaluated once in every fresh context, before the user's script.
//
// Called as (script, tag, outputLimit, logLimit, makeBuffer, harden), where makeBuffer and harden are
// the functions of the neighbouring files or null; answers one function:
//   drive(text, shape)    runs the script over one payload, answers its result or a status number
//   drive(null, 'output') the result or the failure of the last run
//   drive(null, 'logs')   the log entries of the last run as JSON
// `tag` is a random key that marks values JSON cannot hold; `shape` is the JSON list of the paths at
// which the text holds one. Everything used after the script ran is captured here, before it.
(function (script, tag, outputLimit, logLimit, makeBuffer, harden) {
  'use strict';
  const { parse, stringify } = JSON;
  const { apply, defineProperty } = Reflect;
  const { freeze } = Object;
  const globals = globalThis;
  const evaluate = globals.eval;
  const sourceOf = Function.prototype.call.bind(Function.prototype.toString);
  const indexOf = Function.prototype.call.bind(String.prototype.indexOf);
  const cut = Function.prototype.call.bind(String.prototype.slice);
  const timeOf = Function.prototype.call.bind(Date.prototype.getTime);
  const isoOf = Function.prototype.call.bind(Date.prototype.toISOString);
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

  // The engine leaves out the name of the zone, which is always the same here.
  function withZone(key) {
    const print = Function.prototype.call.bind(Date.prototype[key]);
    const zoned = {
      print() {
        return finite(timeOf(this)) ? `${print(this)} (Coordinated Universal Time)` : print(this);
      },
    }.print;
    hide(Date.prototype, key, zoned);
  }

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
  if (makeBuffer) hide(globals, 'Buffer', makeBuffer());
  hide(Date.prototype, 'toJSON', dateToJson);
  withZone('toString');
  withZone('toTimeString');

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
    if (reset !== null) {
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
    if (reset === null) hide(BaseDate.prototype, 'toJSON', dateToJson);
    return encode(result);
  }

  // A clean result is answered at once, as its JSON text. Anything else is answered as a status number:
  // 0 value, 1 undefined, 2 failure, 3 too large; +4 it has logs, +8 the context is spent.
  function answer(status, out) {
    let flags = status + (logs.length ? 4 : 0);
    if (reset !== null && !reset()) flags += 8;
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
      kept = undefined; // it may hold the memory that the answer needs
      return answer(2, describe(error));
    }
  }

  let output = '';
  const reset = harden ? harden(console) : null;
  let body;
  let broken = null;
  try {
    body = compile();
  } catch (error) {
    broken = describe(error);
  }
  return drive;
})
