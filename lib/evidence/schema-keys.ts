import { z } from 'zod';

/** The schema below wrappers that change nothing of its keys. */
function bare(schema: unknown): unknown {
  let inner = schema;
  while (inner instanceof z.ZodOptional || inner instanceof z.ZodDefault || inner instanceof z.ZodNullable) {
    inner = inner.unwrap();
  }
  return inner;
}

/** Of a discriminated union, the option that the value's own discriminator chooses; of any other, the first object. */
function optionOf(union: z.ZodUnion | z.ZodDiscriminatedUnion, value: unknown): unknown {
  const options = union.options.map(bare).filter((option) => option instanceof z.ZodObject);
  const matching = options.find((option) =>
    Object.entries(option.shape).some(
      ([key, field]) =>
        (field instanceof z.ZodLiteral || field instanceof z.ZodEnum) &&
        field.safeParse(Reflect.get(Object(value), key)).success,
    ),
  );
  return matching ?? options[0];
}

/**
 * The keys that a schema lets stand at a place of a document; none where that place is no object of fixed keys.
 * @param path of the object in the document
 */
export function keysAt(schema: z.ZodType, path: readonly PropertyKey[], document: unknown): readonly string[] {
  let at: unknown = bare(schema);
  let value = document;
  const settle = (): void => {
    if (at instanceof z.ZodUnion || at instanceof z.ZodDiscriminatedUnion) at = bare(optionOf(at, value));
  };
  for (const step of path) {
    settle();
    if (at instanceof z.ZodArray) at = bare(at.element);
    else if (at instanceof z.ZodRecord) at = bare(at.valueType);
    else if (at instanceof z.ZodObject) at = bare(Reflect.get(at.shape, step));
    else return [];
    value = Reflect.get(Object(value), step);
  }
  settle();
  return at instanceof z.ZodObject ? Object.keys(at.shape) : [];
}
