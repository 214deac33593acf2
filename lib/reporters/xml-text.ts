import { plainText } from './plain-text.ts';

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
  // A parser takes line ends and tabs in attributes for blanks, unless they are written like this.
  '\n': '&#10;',
  '\t': '&#9;',
};

/** Text between tags. Whatever it holds, it is text, bounded and without what no XML may hold. */
export function xmlText(text: string, maxLength?: number): string {
  return plainText(text, maxLength).replace(/[&<>]/g, (character) => ENTITIES[character] ?? '');
}

/** The value of an attribute, with its quotes. */
function xmlAttribute(text: string, maxLength = 1000): string {
  return `"${plainText(text, maxLength).replace(/[&<>"'\n\t]/g, (character) => ENTITIES[character] ?? '')}"`;
}

/** An element of attributes and what it holds, which is XML already. */
export function xmlElement(name: string, attributes: Readonly<Record<string, string>>, content = ''): string {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}=${xmlAttribute(value)}`);
  return content === '' ? `<${name}${written.join('')}/>` : `<${name}${written.join('')}>${content}</${name}>`;
}
