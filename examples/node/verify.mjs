// Checks parsed JSON against a message of the contract, before it is sent. @grpc/proto-loader ignores names it does
// not know and turns what has the wrong type into NaN, 0 or "": a wrong request would be priced as another one.

const NUMBER = /^(NaN|-?Infinity|[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?)$/;
const isNumber = (value) => typeof value === "number" || (typeof value === "string" && NUMBER.test(value));

const isWhole = (bits) => (value) =>
  (Number.isSafeInteger(value) || (typeof value === "string" && /^-?\d{1,19}$/.test(value))) &&
  BigInt.asIntN(bits, BigInt(value)) === BigInt(value);

/** By scalar type of a field: whether a value is one, and what to call what is expected. */
const SCALARS = {
  TYPE_DOUBLE: [isNumber, "a number"],
  TYPE_FLOAT: [isNumber, "a number"],
  TYPE_INT32: [isWhole(32), "a whole number"],
  TYPE_INT64: [isWhole(64), "a whole number"],
  TYPE_BOOL: [(value) => typeof value === "boolean", "true or false"],
  TYPE_STRING: [(value) => typeof value === "string", "text"],
  TYPE_BYTES: [(value) => typeof value === "string", "base64 text"],
};

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const wrong = (path, expected, value) => [`${path}: expected ${expected}, got ${JSON.stringify(value).slice(0, 200)}`];

/**
 * What is wrong with a value, one line each; empty when it can be sent as it is.
 *
 * `name` is the message's full name, `definition` what proto-loader's loadSync returned.
 */
export function problemsOf(value, name, definition) {
  const scope = name.slice(0, name.lastIndexOf("."));

  function ofMessage(value, message, path) {
    if (!isObject(value)) return wrong(path || "the request", "an object", value);
    return Object.entries(value).flatMap(([key, item]) => {
      const at = path ? `${path}.${key}` : key;
      const field = message.field.find((candidate) => candidate.name === key);
      if (!field) return [`${at}: no such field, expected one of: ${message.field.map((f) => f.name).join(", ")}`];
      return ofField(item, field, message, at);
    });
  }

  function ofField(value, field, message, path) {
    if (field.label !== "LABEL_REPEATED") return ofOne(value, field, path);
    const entry = message.nestedType.find((type) => type.name === field.typeName && type.options?.mapEntry);
    if (!entry) {
      if (!Array.isArray(value)) return wrong(path, "a list", value);
      return value.flatMap((item, place) => ofOne(item, field, `${path}[${place}]`));
    }
    if (!isObject(value)) return wrong(path, "an object", value);
    const item = entry.field.find((part) => part.name === "value");
    return Object.entries(value).flatMap(([key, one]) => ofOne(one, item, `${path}[${JSON.stringify(key)}]`));
  }

  function ofOne(value, field, path) {
    if (field.type === "TYPE_MESSAGE") return ofMessage(value, typeOf(field.typeName), path);
    if (field.type === "TYPE_ENUM") {
      const members = typeOf(field.typeName).value;
      const known = members.some((member) => member.name === value || member.number === value);
      return known ? [] : wrong(path, `one of ${members.map((member) => member.name).join(", ")}`, value);
    }
    const [isOne, expected] = SCALARS[field.type];
    return isOne(value) ? [] : wrong(path, expected, value);
  }

  const typeOf = (typeName) => (definition[typeName] ?? definition[`${scope}.${typeName}`]).type;
  return ofMessage(value, definition[name].type, "");
}
