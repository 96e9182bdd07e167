import type { ComponentChildren, JSX } from "preact";
import { useId } from "preact/hooks";

import { Icon, type IconName } from "./icons";

interface SliderProps {
  readonly label: string;
  readonly value: number;
  readonly low: number;
  readonly high: number;
  readonly step: number;
  readonly text: string;
  readonly change: (value: number) => void;
}

export function Slider({ label, value, low, high, step, text, change }: SliderProps): JSX.Element {
  const id = useId();
  const share = (value - low) / (high - low);
  return (
    <div class="slider">
      <label for={id}>{label}</label>
      <output for={id}>{text}</output>
      <input
        id={id}
        type="range"
        min={low}
        max={high}
        step={step}
        value={value}
        aria-valuetext={text}
        style={{ "--share": share }}
        onInput={(event) => change(event.currentTarget.valueAsNumber)}
      />
    </div>
  );
}

interface ChoiceProps<T extends string> {
  readonly legend: string;
  readonly value: T;
  readonly names: Readonly<Record<T, string>>;
  readonly change: (value: T) => void;
  readonly quiet?: boolean;
}

/** One of few. quiet: the legend is for screen readers only. */
export function Choice<T extends string>({ legend, value, names, change, quiet }: ChoiceProps<T>): JSX.Element {
  const group = useId();
  return (
    <fieldset class="choice">
      <legend class={quiet ? "unseen" : ""}>{legend}</legend>
      <div>
        {(Object.keys(names) as T[]).map((name) => (
          <label key={name}>
            <input type="radio" name={group} checked={name === value} onChange={() => change(name)} />
            <span>{names[name]}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

interface ButtonProps {
  readonly children: ComponentChildren;
  readonly press: () => void;
  readonly icon?: IconName;
  readonly kind?: "primary" | "plain" | "quiet";
  readonly disabled?: boolean;
  readonly pressed?: boolean;
}

export function Button({ children, press, icon, kind = "plain", disabled, pressed }: ButtonProps): JSX.Element {
  return (
    <button type="button" class={`button ${kind}`} onClick={press} disabled={disabled} aria-pressed={pressed}>
      {icon && <Icon name={icon} />}
      <span>{children}</span>
    </button>
  );
}

interface LinkButtonProps {
  readonly children: ComponentChildren;
  readonly href: string;
  readonly download: string;
  readonly icon?: IconName;
  readonly kind?: "primary" | "plain";
}

/** A link that saves a file. */
export function LinkButton({ children, href, download, icon, kind = "plain" }: LinkButtonProps): JSX.Element {
  return (
    <a class={`button ${kind}`} href={href} download={download}>
      {icon && <Icon name={icon} />}
      <span>{children}</span>
    </a>
  );
}

interface SelectProps {
  readonly label: string;
  readonly value: string;
  readonly names: readonly string[];
  readonly change: (value: string) => void;
}

/** One of several names. */
export function Select({ label, value, names, change }: SelectProps): JSX.Element {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select id={id} value={value} onChange={(event) => change(event.currentTarget.value)}>
        {names.map((name) => (
          <option key={name} value={name} selected={name === value}>
            {name}
          </option>
        ))}
      </select>
    </div>
  );
}

interface FieldProps {
  readonly label: string;
  readonly value: string;
  readonly longest: number;
  readonly change: (value: string) => void;
  /** What nothing stands for. */
  readonly hint?: string;
}

/** A line of text. */
export function Field({ label, value, longest, change, hint }: FieldProps): JSX.Element {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="text"
        value={value}
        maxLength={longest}
        placeholder={hint}
        onInput={(event) => change(event.currentTarget.value)}
      />
    </div>
  );
}

interface FileButtonProps {
  readonly children: string;
  readonly accept: string;
  readonly icon: IconName;
  readonly take: (file: File) => void;
  readonly capture?: "environment";
  readonly primary?: boolean;
}

export function FileButton({ children, accept, icon, take, capture, primary }: FileButtonProps): JSX.Element {
  return (
    <label class={`button ${primary ? "primary" : "plain"}`}>
      <Icon name={icon} />
      <span>{children}</span>
      <input
        class="unseen"
        type="file"
        accept={accept}
        capture={capture}
        onChange={({ currentTarget }) => {
          const [file] = currentTarget.files ?? [];
          if (file) take(file);
          currentTarget.value = "";
        }}
      />
    </label>
  );
}

export function Progress({ label, share }: { label: string; share: number }): JSX.Element {
  const percent = Math.round(100 * share);
  return (
    <div class="progress" role="progressbar" aria-label={label} aria-valuemin={0} aria-valuemax={100} aria-valuenow={percent}>
      <span>{label}</span>
      <span>{percent} %</span>
      <div style={{ inlineSize: `${percent}%` }} />
    </div>
  );
}
