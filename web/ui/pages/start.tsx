// A new run from a form. Its fields, their ranges and their words come from the schema that the command line checks by.
import { useEffect, useState } from "preact/hooks";
import { Act } from "../parts/act.tsx";
import { type Schema, type Setting, SettingField, schemaAt } from "../parts/setting-field.tsx";
import { valueFrom } from "../parts/settings.ts";
import { Problem } from "../parts/words.tsx";
import { get, send } from "../server/ask.ts";

interface Form {
  method: string;
  methods: { name: string; title: string }[];
  settings: Setting[];
  schema: Schema;
}

/** What most people set; the others are folded away. */
const usualKeys = ["size", "batchSize", "epochs", "backbone", "width", "optimizer.learningRate", "seed"];

export function StartPage() {
  const [method, setMethod] = useState("barlow-twins");
  const [form, setForm] = useState<Form | undefined>(undefined);
  const [problem, setProblem] = useState("");
  const [texts, setTexts] = useState<Readonly<Record<string, string>>>({});
  const [data, setData] = useState("");
  const [name, setName] = useState("");
  useEffect(() => {
    get<Form>(`/api/settings/${method}`).then(setForm, (error: Error) => setProblem(error.message));
  }, [method]);
  const change = (key: string, text: string | undefined) => {
    const { [key]: _, ...others } = texts;
    setTexts(text === undefined ? others : { ...others, [key]: text });
  };
  const start = async () => {
    const known = new Set(form?.settings.map(({ key }) => key));
    const settings = Object.fromEntries(
      Object.entries(texts).flatMap(([key, text]) => (known.has(key) ? [[key, valueFrom(text)]] : [])),
    );
    const { id } = await send<{ id: string }>("/api/start", { data, method, name, settings });
    location.hash = `/run/${id}`;
    return "it trains";
  };
  const fields = (own: readonly Setting[]) => (
    <div class="columns">
      {own.map((setting) => (
        <SettingField
          key={setting.key}
          setting={setting}
          schema={schemaAt(form!.schema, setting.key)}
          text={texts[setting.key]}
          onChange={(text) => change(setting.key, text)}
        />
      ))}
    </div>
  );
  const settings =
    form?.settings.filter(({ key }) => !["method", "steps"].includes(key) && !key.startsWith("views")) ?? [];
  const isUsual = ({ key, isOfMethod }: Setting) => isOfMethod || usualKeys.includes(key);
  return (
    <>
      <h1>Start a run</h1>
      <Problem text={problem} />
      <div class="columns">
        <div class="field">
          <label>
            Pictures
            <input
              type="text"
              placeholder="shapes, or a folder"
              value={data}
              onInput={(event) => setData(event.currentTarget.value)}
            />
          </label>
          <p class="soft">
            a folder on the machine of this server, or a known name such as shapes, cifar10 or fashion-mnist
          </p>
        </div>
        <div class="field">
          <label>
            Name
            <input
              type="text"
              placeholder="photos-1"
              value={name}
              onInput={(event) => setName(event.currentTarget.value)}
            />
          </label>
          <p class="soft">its folder below the folder of all runs; letters, digits, points and dashes</p>
        </div>
        <div class="field">
          <label>
            Method
            <select value={method} onChange={(event) => setMethod(event.currentTarget.value)}>
              {(form?.methods ?? []).map(({ name: own, title }) => (
                <option key={own} value={own}>
                  {title}
                </option>
              ))}
            </select>
          </label>
          <p class="soft">what the network learns by</p>
        </div>
      </div>
      {form && fields(settings.filter(isUsual))}
      {form && (
        <details>
          <summary>All other settings</summary>
          {fields(settings.filter((setting) => !isUsual(setting)))}
        </details>
      )}
      <Act
        name="Start"
        isMain
        isOff={!data || !name}
        run={start}
        busy="starting; libtorch and the pictures take a while …"
      />
    </>
  );
}
