import { SaxesParser } from 'saxes';

/** An element as a strict XML parser reads it; text of its own, without that of its children. */
export interface XmlElement {
  name: string;
  attributes: Record<string, string>;
  children: XmlElement[];
  text: string;
}

/** Parses a document. @throws Error where it is not well-formed, with the place */
export function parseXml(text: string): XmlElement {
  const root: XmlElement = { name: '', attributes: {}, children: [], text: '' };
  const open = [root];
  const add = (more: string): void => {
    const top = open.at(-1);
    if (top !== undefined) top.text += more;
  };
  const parser = new SaxesParser();
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('opentag', ({ name, attributes }) => {
    const element: XmlElement = { name, attributes: { ...attributes }, children: [], text: '' };
    open.at(-1)?.children.push(element);
    open.push(element);
  });
  parser.on('closetag', () => void open.pop());
  parser.on('text', add);
  parser.on('cdata', add);
  parser.write(text).close();
  const [document] = root.children;
  if (document === undefined) throw new Error('an empty document');
  return document;
}

/** All elements of a name, at any depth. */
export function elements(of: XmlElement, name: string): XmlElement[] {
  return [...(of.name === name ? [of] : []), ...of.children.flatMap((child) => elements(child, name))];
}
