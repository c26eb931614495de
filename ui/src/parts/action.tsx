// SPDX-License-Identifier: Apache-2.0
// Something that is done: a button, and behind it a dialog that says what will happen, how the same is
// done on the host, and, where it is dangerous, wants the name typed.
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { type Args, call, changed, may, Problem } from "../api";
import { type Key, t } from "../i18n";
import { Cli } from "./text";

export interface Field {
  name: string;
  label: string;
  required?: boolean;
  value?: string;
  options?: [string, string][];
  type?: "text" | "password" | "checkbox" | "number" | "textarea";
  hint?: string;
}

export type Values = Record<string, string>;

interface Props {
  command: string; // of /api/v1/; the button is there for whom it is
  label: string;
  title: string;
  text?: ComponentChildren;
  fields?: Field[];
  confirm?: string; // has to be typed
  danger?: boolean;
  args: (values: Values) => Args;
  cli: (values: Values) => string;
  done?: (answer: Record<string, unknown>) => ComponentChildren;
}

export function Action(props: Props) {
  const [open, setOpen] = useState(false);
  if (!may(props.command)) return null;
  return (
    <>
      <button
        type="button"
        class={`small ${props.danger ? "danger" : ""}`}
        aria-haspopup="dialog"
        onClick={() => setOpen(true)}
      >
        {props.label}
      </button>
      {open && <Dialog {...props} close={() => setOpen(false)} />}
    </>
  );
}

function Input({ field, value, set }: { field: Field; value: string; set: (v: string) => void }) {
  const id = useId();
  const props = {
    id,
    name: field.name,
    required: field.required ?? false,
    "aria-describedby": field.hint ? `${id}h` : undefined,
  };
  const given = (e: Event) => set((e.currentTarget as HTMLInputElement).value);
  return (
    <p class={field.type === "checkbox" ? "check" : ""}>
      <label for={id}>{field.label}</label>
      {field.options ? (
        <select {...props} value={value} onChange={given}>
          {field.options.map(([v, label]) => (
            <option key={v} value={v}>
              {label}
            </option>
          ))}
        </select>
      ) : field.type === "checkbox" ? (
        <input
          {...props}
          type="checkbox"
          checked={value === "yes"}
          onChange={e => set(e.currentTarget.checked ? "yes" : "")}
        />
      ) : field.type === "textarea" ? (
        <textarea {...props} rows={6} spellcheck={false} value={value} onInput={given} />
      ) : (
        <input
          {...props}
          type={(field.type ?? "text") as "text"}
          autocomplete={field.type === "password" ? "new-password" : "off"}
          value={value}
          onInput={given}
        />
      )}
      {field.hint && (
        <small id={`${id}h`} class="faint">
          {field.hint}
        </small>
      )}
    </p>
  );
}

function initial(fields: Field[]): Values {
  return Object.fromEntries(fields.map(f => [f.name, f.value ?? f.options?.[0]?.[0] ?? ""]));
}

function Dialog(props: Props & { close: () => void }) {
  const fields = props.fields ?? [];
  const box = useRef<HTMLDialogElement>(null);
  const [values, setValues] = useState<Values>(() => initial(fields));
  const [typed, setTyped] = useState("");
  const [state, setState] = useState<"" | "busy" | "done">("");
  const [problem, setProblem] = useState("");
  const [said, setSaid] = useState<ComponentChildren>(null);
  const id = useId();
  // What is sent a second time, because the answer to the first was lost, is the same request.
  const keys = useRef(new Map<string, string>());

  useEffect(() => {
    box.current?.showModal();
  }, []);

  const submit = async (e: Event) => {
    e.preventDefault();
    setState("busy");
    setProblem("");
    try {
      const args = props.args(values);
      const same = JSON.stringify(args);
      const key = keys.current.get(same) ?? crypto.randomUUID();
      keys.current.set(same, key);
      const answer = await call<Record<string, unknown>>(props.command, args, key);
      setSaid(props.done?.(answer) ?? null);
      setState("done");
    } catch (error) {
      setProblem(error instanceof Problem ? error.message || t("unreachable") : String(error));
      setState("");
    }
  };

  // What was asked for meanwhile was not shown.
  const closed = () => {
    props.close();
    changed();
  };

  return (
    <dialog ref={box} aria-labelledby={id} onClose={closed}>
      <form onSubmit={submit}>
        <h2 id={id}>{props.title}</h2>
        {state === "done" ? (
          <div role="status">
            <p>{t("done")}</p>
            {said}
          </div>
        ) : (
          <>
            {props.text && <div class="says">{props.text}</div>}
            {fields.map(f => (
              <Input
                key={f.name}
                field={f}
                value={values[f.name] ?? ""}
                set={v => setValues(all => ({ ...all, [f.name]: v }))}
              />
            ))}
            {props.confirm && (
              <Input
                field={{ name: "confirm", label: t("type_name", props.confirm), required: true }}
                value={typed}
                set={setTyped}
              />
            )}
            <div class="same">
              <small class="faint">{t("same_as")}</small>
              <Cli command={props.cli(values)} />
            </div>
          </>
        )}
        {problem && (
          <p role="alert" class="problem">
            {problem}
          </p>
        )}
        <div class="buttons">
          <button type="button" onClick={() => box.current?.close()}>
            {state === "done" ? t("close") : t("cancel")}
          </button>
          {state !== "done" && (
            <button
              type="submit"
              class={props.danger ? "danger" : "go"}
              disabled={state === "busy" || (!!props.confirm && typed.trim() !== props.confirm)}
            >
              {props.label}
            </button>
          )}
        </div>
      </form>
    </dialog>
  );
}

// Why it is done, for the audit log.
export function reason(key: Key = "reason_why"): Field {
  return { name: "why", label: t(key) };
}

// Without what was left empty.
export function filled(args: Record<string, unknown>): Args {
  return Object.fromEntries(Object.entries(args).filter(([, v]) => v !== "" && v !== undefined));
}

export function option(flag: string, value: string | undefined): string {
  if (!value) return "";
  return ` --${flag} ${/^[\w@%+=:,./-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`}`;
}
