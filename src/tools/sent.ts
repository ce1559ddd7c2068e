const texts = new WeakMap<object, string>();

/** Has a result be sent as this text, which is its JSON: made once, and not again with the message. */
export function sentAs<T extends object>(text: string, result: T): T {
	texts.set(result, text);
	return result;
}

/** A message as it is sent. */
export function textOf(message: object): string {
	if (!("result" in message)) return JSON.stringify(message);
	const { result, ...rest } = message;
	const text = texts.get(result as object);
	return text === undefined
		? JSON.stringify(message)
		: `${JSON.stringify(rest).slice(0, -1)},"result":${text}}`;
}
