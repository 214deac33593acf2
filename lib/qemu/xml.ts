import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { HarnessError } from '../errors.ts';

/**
 * The most bytes, elements, levels and blanks in a row of a domain XML; those of large guests have some thousand elements.
 * On blanks the parser takes time with the square of their number: a megabyte of them in a tag took it 8 minutes.
 */
export const XML_LIMITS = { bytes: 1024 * 1024, elements: 20_000, levels: 32, blanks: 512 } as const;

/** Is there a longer run of blanks than the bound? In time that is linear in the text. */
function hasLongBlanks(text: string): boolean {
  for (const { 0: run } of text.matchAll(/\s+/g)) if (run.length > XML_LIMITS.blanks) return true;
  return false;
}

/** One element, without what is around it. */
export interface XmlElement {
  /** With its prefix as it was written: `qemu:commandline`. */
  name: string;
  attributes: ReadonlyMap<string, string>;
  children: readonly XmlElement[];
  /** The text directly in it, untrimmed. */
  text: string;
}

/** The error of a domain XML that cannot be read. */
export function libvirtInvalid(what: string, hint?: string): HarnessError {
  return new HarnessError({ code: 'LIBVIRT_INVALID', what, hint });
}

const PREDEFINED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** A character reference or one of the five entities that every XML has; there are no others without a DTD. */
function decodeReference(reference: string, name: string): string {
  const known = PREDEFINED[name];
  if (known !== undefined) return known;
  const [, hex, decimal] = /^#(?:x([0-9a-f]{1,6})|([0-9]{1,7}))$/i.exec(name) ?? [];
  const point = hex !== undefined ? Number.parseInt(hex, 16) : Number(decimal ?? Number.NaN);
  if (point > 0 && point <= 0x10ffff) return String.fromCodePoint(point);
  throw libvirtInvalid(`unknown entity ${reference}`);
}

function decoded(text: string): string {
  return text.replace(/&([^;&]{0,16});?/g, decodeReference);
}

type Node = Readonly<Record<string, unknown>>;

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && !Array.isArray(value);
const nodesOf = (value: unknown): Node[] => (Array.isArray(value) ? value.filter(isNode) : []);
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Text and CDATA of an element; in CDATA nothing is a reference. */
function ownText(node: Node): string {
  if ('#text' in node) return decoded(textOf(node['#text']));
  const sections = '#cdata' in node ? nodesOf(node['#cdata']) : [];
  return sections.map((section) => textOf(section['#text'])).join('');
}

function elementOf(node: Node, level: number): XmlElement | null {
  if (level > XML_LIMITS.levels) throw libvirtInvalid(`elements are nested deeper than ${XML_LIMITS.levels} levels`);
  const name = Object.keys(node).find((key) => key !== ':@' && !key.startsWith('#'));
  if (name === undefined) return null;
  const written = node[':@'];
  const attributes = Object.entries(isNode(written) ? written : {}).map(
    ([key, value]) => [key, decoded(textOf(value))] as const,
  );
  const inside = nodesOf(node[name]);
  const children = inside.map((child) => elementOf(child, level + 1)).filter((child) => child !== null);
  return { name, attributes: new Map(attributes), children, text: inside.map(ownText).join('') };
}

/**
 * Reads an XML document and gives its root; entities of its own and document types are refused, not read.
 * @throws HarnessError LIBVIRT_INVALID
 */
export function parseXml(bytes: Uint8Array): XmlElement {
  if (bytes.length > XML_LIMITS.bytes) {
    throw libvirtInvalid(`expected at most ${XML_LIMITS.bytes} bytes, got ${bytes.length}`);
  }
  const text = Buffer.from(bytes)
    .toString('utf8')
    .replace(/^\ufeff/, '');
  if (/<!DOCTYPE|<!ENTITY/i.test(text)) throw libvirtInvalid('a document type is not read', 'libvirt writes none');
  if (text.split('<').length > 2 * XML_LIMITS.elements)
    throw libvirtInvalid(`more than ${XML_LIMITS.elements} elements`);
  if (hasLongBlanks(text)) throw libvirtInvalid(`more than ${XML_LIMITS.blanks} blanks in a row`);
  const options = {
    ...{ preserveOrder: true, ignoreAttributes: false, attributeNamePrefix: '', cdataPropName: '#cdata' },
    ...{ parseTagValue: false, parseAttributeValue: false, trimValues: false, processEntities: false },
    ...{ ignoreDeclaration: true, ignorePiTags: true },
  };
  let nodes: unknown;
  try {
    const valid = XMLValidator.validate(text);
    if (valid !== true) throw libvirtInvalid(`not XML, line ${valid.err.line}: ${valid.err.msg}`);
    nodes = new XMLParser(options).parse(text);
  } catch (cause) {
    if (cause instanceof HarnessError) throw cause;
    throw libvirtInvalid(`not XML: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  const roots = nodesOf(nodes)
    .map((node) => elementOf(node, 1))
    .filter((element) => element !== null);
  const [root, second] = roots;
  if (root === undefined) throw libvirtInvalid('no element', 'give what `virsh dumpxml` prints');
  if (second !== undefined) throw libvirtInvalid(`two root elements, <${root.name}> and <${second.name}>`);
  return root;
}
