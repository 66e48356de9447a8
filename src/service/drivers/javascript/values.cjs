// What is shown of a value, and told of an error.
'use strict';
const util = require('util');

const TEXT_LIMIT = 1 << 18;  // characters of a message, and of a traceback
const { inspect } = util;
const METHODS = {
  _repr_html_: 'text/html', _repr_markdown_: 'text/markdown', _repr_latex_: 'text/latex', _repr_svg_: 'image/svg+xml',
  _repr_png_: 'image/png', _repr_jpeg_: 'image/jpeg', _repr_pdf_: 'application/pdf', _repr_json_: 'application/json',
  _toHtml: 'text/html', _toSvg: 'image/svg+xml', _toPng: 'image/png', _toJpeg: 'image/jpeg',
};

function asText(value) {
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64');
  return typeof value === 'string' ? value : JSON.stringify(value) || 'null';
}

function inspectShort(value) {
  return shorten(inspect(value));
}

function shorten(text) {
  if (text.length <= TEXT_LIMIT) return text;
  const half = TEXT_LIMIT / 2;
  return `${text.slice(0, half)}\n… (${text.length - TEXT_LIMIT} characters left out) …\n${text.slice(-half)}`;
}

function withText(value, given) {
  const data = {};
  for (const [mime, form] of Object.entries(given || {})) data[mime] = asText(form);
  if (data['text/plain'] === undefined) data['text/plain'] = inspect(value);
  return data;
}

/// The forms by MIME type, or a promise of them.
function forms(value) {
  const kind = typeof value;
  if (value === null || (kind !== 'object' && kind !== 'function')) return withText(value);
  const bundle = value[Symbol.for('Jupyter.display')];
  if (typeof bundle === 'function') {
    const given = bundle.call(value);
    return given && typeof given.then === 'function' ? given.then((made) => withText(value, made)) : withText(value, given);
  }
  const given = typeof value._toMime === 'function' ? { ...value._toMime() } : {};
  for (const [method, mime] of Object.entries(METHODS)) {
    if (given[mime] !== undefined || typeof value[method] !== 'function') continue;
    const form = value[method]();
    if (form !== undefined && form !== null) given[mime] = form;
  }
  return withText(value, given);
}

/// The stack without the kernel's own frames.
function ownStack(stack) {
  const lines = stack.split('\n');
  const first = lines.findIndex((line) => /^ +at .*(node:inspector|kernel\.cjs|imports\.cjs|typescript\.cjs)/.test(line));
  return (first < 0 ? lines : lines.slice(0, first)).join('\n');
}

function placed(sources, name, line, column) {
  const text = sources.has(name) ? sources.get(name).split('\n')[line - 1] : undefined;
  if (text === undefined || text.length > 1000) return '';
  return `${name}:${line}\n${text}\n${' '.repeat(Math.min(Math.max(column - 1, 0), text.length))}^\n\n`;
}

/// An error event's name, value and traceback. `details` is the inspector's, with the thrown value as `error`.
function describe(details, sources, name) {
  const { error } = details;
  if (!util.types.isNativeError(error) && !(error instanceof Error)) {
    const value = inspectShort(error);
    return { name: 'Uncaught', value, traceback: `Uncaught ${value}\n` };
  }
  const stack = ownStack(String(error.stack || error));
  const found = /\b(cell-\d+):(\d+):(\d+)/.exec(stack);
  let place = '';
  if (found) place = placed(sources, found[1], Number(found[2]), Number(found[3]));
  else if (error instanceof SyntaxError && details.lineNumber !== undefined) {
    const lines = sources.get(name).split('\n');  // what ends too early is said to be wrong behind its end
    const isBehind = details.lineNumber >= lines.length;
    place = isBehind ? placed(sources, name, lines.length, lines[lines.length - 1].length + 1)
      : placed(sources, name, details.lineNumber + 1, details.columnNumber + 1);
  }
  const causes = error.cause === undefined ? '' : `\n[cause]: ${inspectShort(error.cause)}`;
  return { name: shorten(String(error.name)), value: shorten(String(error.message)), traceback: shorten(`${place}${stack}${causes}\n`) };
}

module.exports = { describe, forms, inspectShort };
