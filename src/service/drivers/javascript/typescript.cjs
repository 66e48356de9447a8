// TypeScript cells: node's own stripping of types where it has it (22.13 and later), else the packages typescript or esbuild if the template
// has one. A cell is checked for no type, only freed of them.
'use strict';
const path = require('path');
const nodeModule = require('module');
const { quietly } = require('./imports.cjs');

class LanguageNotAvailable extends Error {}
LanguageNotAvailable.prototype.name = 'LanguageNotAvailable';

function packageNamed(name) {
  for (const folder of [process.cwd(), '/usr/lib/node_modules', '/usr/local/lib/node_modules', '/usr/share/nodejs']) {
    try {
      return nodeModule.createRequire(path.join(folder, 'cell.js'))(folder.endsWith('s') && folder !== process.cwd() ? path.join(folder, name) : name);
    } catch {
      continue;
    }
  }
  return null;
}

function ownStripper() {
  if (typeof nodeModule.stripTypeScriptTypes !== 'function') return null;
  return (text) => quietly(() => nodeModule.stripTypeScriptTypes(text));
}

function withTypescript() {
  const ts = packageNamed('typescript');
  if (!ts) return null;
  const compilerOptions = { target: ts.ScriptTarget.ESNext, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true };
  return (text) => {
    const made = ts.transpileModule(text, { compilerOptions, reportDiagnostics: true });
    const wrong = (made.diagnostics || []).find((one) => one.category === 1 && one.code < 2000);
    if (wrong) throw new SyntaxError(ts.flattenDiagnosticMessageText ? ts.flattenDiagnosticMessageText(wrong.messageText, '\n') : String(wrong.messageText));
    return made.outputText;
  };
}

function withEsbuild() {
  const esbuild = packageNamed('esbuild');
  if (!esbuild) return null;
  const options = { loader: 'ts', target: 'esnext', logLevel: 'silent', tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } } };
  return (text) => esbuild.transformSync(text, options).code;
}

/// A function that takes the types out of a cell. It looks for its means when first called.
function typesStripper() {
  let strip = null;
  return (text) => {
    strip = strip || ownStripper() || withTypescript() || withEsbuild();
    if (strip) return strip(text);
    throw new LanguageNotAvailable(`TypeScript is not available here: node ${process.versions.node} cannot strip types (22.13 and later can), and there is `
      + 'no package typescript or esbuild. Write the cell in JavaScript, or use a template with one of these');
  };
}

module.exports = { typesStripper };
