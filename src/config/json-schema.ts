/**
 * For the `override` of zod's `toJSONSchema`: leaves out the bounds of what a number
 * can hold exactly (±(2^53 − 1)), which zod gives every integer. They say nothing to a
 * reader, and a model reads all of them.
 */
export function withoutNumberBounds({
	jsonSchema,
}: {
	readonly jsonSchema: {
		minimum?: number | undefined;
		maximum?: number | undefined;
	};
}): void {
	if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
	if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
}
