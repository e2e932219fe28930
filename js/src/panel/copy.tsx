import { h, useEffect, useState, type JSX } from "../dom.ts";

/** Put text on the clipboard, also on pages without https, where the clipboard has no interface. */
export async function copyText(text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = document.createElement("textarea");
  field.value = text;
  field.style.position = "fixed";
  field.style.opacity = "0";
  document.body.append(field);
  const before = document.activeElement;
  field.select();
  document.execCommand("copy");
  field.remove();
  if (before instanceof HTMLElement) before.focus({ preventScroll: true });
}

/** A button that copies, and says so for a moment. */
export function CopyButton(props: { text: string; label: string }): JSX.Element {
  const [said, say] = useState("");
  useEffect(() => {
    if (!said) return;
    const timer = setTimeout(() => say(""), 1200);
    return () => clearTimeout(timer);
  }, [said]);
  const copy = (): void => {
    copyText(props.text).then(
      () => say("Copied"),
      () => say("Not allowed"),
    );
  };
  return (
    <button type="button" class="jj-button" onClick={copy}>
      {said || props.label}
    </button>
  );
}

/** Code to type, with a button to copy it. */
export function Snippet({ code }: { code: string }): JSX.Element {
  return (
    <span class="jj-offer">
      <code>{code}</code>
      <CopyButton text={code} label="Copy" />
    </span>
  );
}
