// import in a cell. A cell is a script, which cannot import: declarations become `const … = await`, and both forms go to node's own
// loader with the working folder as their place.
'use strict';
const path = require('path');
const vm = require('vm');
const { createRequire, isBuiltin } = require('module');
const { pathToFileURL } = require('url');

const DECLARATION = /import\s*(?:([\w$\s{},*]+?|[\w$\s,]*\{[^}]*\})\s*from\s*)?(['"])([^'"\n]+)\2(?:\s*(?:with|assert)\s*(\{[^}]*\}))?[ \t]*;?/y;
const WORD = /[\w$]/;

/// What may stand before a slash that begins a regular expression and does not divide.
function startsExpression(before) {
  return before === '' || '([{,;=:?!&|+-*%~^<>'.includes(before[before.length - 1]) || /(^|[^\w$.])(return|typeof|case|in|of|await|void|delete|throw|new|else|do)$/.test(before);
}

function skipString(text, at) {
  const quote = text[at];
  for (at += 1; at < text.length && text[at] !== quote && text[at] !== '\n'; at += 1) if (text[at] === '\\') at += 1;
  return at + 1;
}

function skipPattern(text, at) {
  let isClass = false;
  for (at += 1; at < text.length && text[at] !== '\n'; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === '[') isClass = true;
    else if (text[at] === ']') isClass = false;
    else if (text[at] === '/' && !isClass) break;
  }
  return at + 1;
}

/// The position after the template's end, or after the `${` that opens an expression.
function skipTemplate(text, at) {
  for (; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === '`') return [at + 1, false];
    else if (text[at] === '$' && text[at + 1] === '{') return [at + 2, true];
  }
  return [at, false];
}

function bindings(clause) {
  const parts = [];
  let rest = clause.trim();
  let whole = null;
  const first = /^([\w$]+)\s*(?:,|$)/.exec(rest);
  if (first) {
    parts.push(`default: ${first[1]}`);
    rest = rest.slice(first[0].length).trim();
  }
  const all = /^\*\s*as\s+([\w$]+)$/.exec(rest);
  if (all) whole = all[1];
  else if (rest.startsWith('{')) {
    for (const item of rest.slice(1, -1).split(',')) {
      const words = item.trim().split(/\s+as\s+/);
      if (words[0]) parts.push(words.length > 1 ? `${words[0]}: ${words[1]}` : words[0]);
    }
  } else if (rest !== '') return null;
  return { whole, parts };
}

function declaration(found) {
  const [text, clause, , from, options] = found;
  const call = `await __brig_import(${JSON.stringify(from)}${options ? `, { with: ${options} }` : ''})`;
  const lines = '\n'.repeat(text.split('\n').length - 1);
  if (clause === undefined) return `${call};${lines}`;
  const bound = bindings(clause);
  if (bound === null) return null;
  const { whole, parts } = bound;
  if (whole === null) return `const { ${parts.join(', ')} } = ${call};${lines}`;
  return `const ${whole} = ${call}${parts.length > 0 ? `, { ${parts.join(', ')} } = ${whole}` : ''};${lines}`;
}

function rewriteImports(text) {
  if (!/\bimport\b/.test(text)) return text;
  const braces = [];  // true where a brace closes an expression in a template
  let made = '';
  let kept = 0;
  let at = 0;
  let before = '';    // code before `at`, without comments: its last few characters
  const code = (end) => {
    before = (before + text.slice(at, end)).trimEnd().slice(-20);
    at = end;
  };
  const template = (start) => {
    const [end, isOpen] = skipTemplate(text, start);
    if (isOpen) braces.push(true);
    before = isOpen ? '(' : ')';
    at = end;
  };
  while (at < text.length) {
    const c = text[at];
    if (c === '"' || c === "'") code(skipString(text, at));
    else if (c === '`') template(at + 1);
    else if (c === '/' && text[at + 1] === '/') at = (text.indexOf('\n', at) + 1 || text.length + 1) - 1;
    else if (c === '/' && text[at + 1] === '*') at = (text.indexOf('*/', at + 2) + 1 || text.length) + 1;
    else if (c === '/' && startsExpression(before)) code(skipPattern(text, at));
    else if (c === '{') { braces.push(false); code(at + 1); }
    else if (c === '}') {
      if (braces.pop()) template(at + 1);
      else code(at + 1);
    } else if (WORD.test(c)) {
      let end = at;
      while (end < text.length && WORD.test(text[end])) end += 1;
      if (text.slice(at, end) === 'import' && !before.endsWith('.')) {
        DECLARATION.lastIndex = at;
        const found = braces.length === 0 ? DECLARATION.exec(text) : null;
        const replaced = found && declaration(found);
        if (replaced) {
          made += text.slice(kept, at) + replaced;
          at = kept = DECLARATION.lastIndex;
          before = ';';
          continue;
        }
        if (/^\s*\(/.test(text.slice(end, end + 100))) {
          made += text.slice(kept, at) + '__brig_import';
          kept = end;
        }
      }
      before += ' ';
      code(end);
    } else if (/\s/.test(c)) at += 1;
    else code(at + 1);
  }
  return made + text.slice(kept);
}

/// What import() does for cells that run in `folder`.
function importer(folder) {
  const loader = vm.constants && vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER;
  if (loader === undefined) return importerOfOldNode(folder);
  let load = null;
  return (from, options) => {
    load = load || quietly(() => new vm.Script('(from, options) => options === undefined ? import(from) : import(from, options)',
      { filename: path.join(folder, 'cell.js'), importModuleDynamically: loader }).runInThisContext());
    return quietly(() => load(from, options));
  };
}

/// Without the warning that a feature of node is experimental, which is nothing for a cell to read.
function quietly(act) {
  const warn = process.emitWarning;
  process.emitWarning = () => {};
  try {
    return act();
  } finally {
    process.emitWarning = warn;
  }
}

/// Before node 20.12.
function importerOfOldNode(folder) {
  const find = createRequire(path.join(folder, 'cell.js')).resolve;
  return async (from) => {
    if (isBuiltin(from) || /^[a-z]+:/.test(from)) return import(from);
    return import(pathToFileURL(/^[./]/.test(from) ? path.resolve(folder, from) : find(from)).href);
  };
}

module.exports = { rewriteImports, importer, importerOfOldNode, quietly };
