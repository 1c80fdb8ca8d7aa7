// One setting as a field, made from the schema that checks it.

/** As much of a JSON schema as fields are made of. */
export interface Schema {
  type?: string | undefined;
  enum?: readonly unknown[] | undefined;
  properties?: Readonly<Record<string, Schema>> | undefined;
  minimum?: number | undefined;
  exclusiveMinimum?: number | undefined;
  maximum?: number | undefined;
  anyOf?: readonly Schema[] | undefined;
}

export interface Setting {
  key: string;
  default: unknown;
  needed: string;
  meaning: string;
  isOfMethod: boolean;
}

/** The schema of a dotted key, or nothing known. */
export const schemaAt = (schema: Schema, key: string): Schema =>
  key.split(".").reduce<Schema>((tree, name) => tree.properties?.[name] ?? {}, schema);

interface FieldProps {
  setting: Setting;
  schema: Schema;
  /** What was typed; undefined: the default stands. */
  text: string | undefined;
  onChange: (text: string | undefined) => void;
}

export function SettingField({
  setting: { key, default: usual, needed, meaning },
  schema,
  text,
  onChange,
}: FieldProps) {
  const usualText = typeof usual === "string" ? usual : JSON.stringify(usual);
  const take = (value: string) => onChange(value === "" || value === usualText ? undefined : value);
  const words = schema.enum ?? (schema.type === "boolean" ? [true, false] : undefined);
  const least = schema.minimum ?? schema.exclusiveMinimum;
  const bounds = {
    ...(least !== undefined && { min: least }),
    ...(schema.maximum !== undefined && { max: schema.maximum }),
  };
  const isNumber = (schema.type === "number" || schema.type === "integer") && typeof usual === "number";
  const ask = {
    id: `setting ${key}`,
    placeholder: usualText,
    value: text ?? "",
    onInput: (event: { currentTarget: HTMLInputElement }) => take(event.currentTarget.value),
  };
  return (
    <div class="field">
      <label for={ask.id}>{key}</label>
      {words ? (
        <select id={ask.id} value={text ?? usualText} onChange={(event) => take(event.currentTarget.value)}>
          {words.map((word) => (
            <option key={String(word)}>{String(word)}</option>
          ))}
        </select>
      ) : isNumber ? (
        <input type="number" {...bounds} step={schema.type === "integer" ? 1 : "any"} {...ask} />
      ) : (
        <input type="text" {...ask} />
      )}
      <p class="soft">
        {meaning}; {needed}
      </p>
    </div>
  );
}
