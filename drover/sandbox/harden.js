// Freezes a realm, so that nothing in it that outlives one payload can be changed.
//
// Called with an object of ours to freeze too, after everything a script may see is in place. Answers
// reset(), which takes back what a run left on the global object; false when that is not possible,
// and then the realm must be given up.
(function (ours) {
  'use strict';
  const { defineProperty, deleteProperty, getPrototypeOf, isExtensible, ownKeys } = Reflect;
  const { freeze, isFrozen, getOwnPropertyDescriptor, prototype: objectPrototype } = Object;
  const functionPrototype = Function.prototype;
  const globals = globalThis;

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

  // Objects from which every built-in can be reached: the global ones, and those that only syntax makes.
  function roots() {
    const sync = (function* () {})();
    const async = (async function* () {})();
    const refused = (function () { return getOwnPropertyDescriptor(arguments, 'callee').get; })();
    return [
      globals, ours, sync, async, sync.constructor, async () => {}, refused, [].values(), new Map().entries(),
      new Set().entries(), ''[Symbol.iterator](), ''.matchAll(/a/g), [].values().map((x) => x),
      Iterator.from({ next() {} }), Iterator.concat ? Iterator.concat() : null,
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

  function mendAll() {
    for (const key of ownKeys(globals)) {
      const value = globals[key];
      if (typeof value !== 'function' || !value.prototype) continue;
      for (const name of ['constructor', 'toString', 'valueOf', 'toLocaleString', 'toJSON', 'name', 'message']) {
        mend(value.prototype, name);
      }
    }
    for (const key of ownKeys(objectPrototype)) mend(objectPrototype, key);
  }

  delete globals.eval; // its global `let` and `const` could not be taken back
  delete Error.prepareStackTrace; // these two are state of the engine behind an accessor
  delete Error.stackTraceLimit;
  mendAll();
  for (const root of roots()) if (root) freezeAll(root);
  for (const key of ownKeys(globals)) {
    const { value } = getOwnPropertyDescriptor(globals, key);
    defineProperty(globals, key, { value, writable: false, configurable: false });
  }
  const count = ownKeys(globals).length;

  return function reset() {
    const keys = ownKeys(globals);
    if (keys.length !== count) {
      for (let i = 0; i < keys.length; i++) deleteProperty(globals, keys[i]);
      if (ownKeys(globals).length !== count) return false;
    }
    return isExtensible(globals) && getPrototypeOf(globals) === objectPrototype;
  };
})
