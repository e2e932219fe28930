import { Fragment, h, useLayoutEffect, useRef, useState, type JSX } from "../dom.ts";
import { Button } from "./parts.tsx";

/** Put text on the clipboard; rejects where the page has none, as without https. */
export const copyText = async (text: string): Promise<void> => navigator.clipboard.writeText(text);

interface CopyProps {
  label: string;
  /** Gives the text, or refuses with a sentence. */
  text: () => string | Promise<string>;
  /** What to say when it is done. */
  done?: string;
}

/** A button that copies, and says so for a moment; where the clipboard is forbidden it shows the text, selected. */
export function CopyButton({ label, text, done = "Copied" }: CopyProps): JSX.Element {
  const [said, say] = useState("");
  const [below, setBelow] = useState("");
  const shown = useRef<HTMLPreElement>(null);
  useLayoutEffect(() => {
    if (shown.current) getSelection()?.selectAllChildren(shown.current);
  }, [below]);
  const copy = async (): Promise<void> => {
    let told = "";
    say("…");
    try {
      told = await text();
      await copyText(told);
      told = "";
      say(done);
    } catch (error) {
      told ||= (error as Error).message;
      say("");
    }
    setBelow(told);
    setTimeout(say, 2500, "");
  };
  return (
    <>
      <Button class="jj-button jj-copy" aria-live="polite" does={copy}>
        {said || label}
      </Button>
      {below && (
        <pre ref={shown} class="jj-code jj-by-hand" tabIndex={0}>
          {below}
        </pre>
      )}
    </>
  );
}

/** Code to type, with a button to copy it. */
export function Snippet({ code }: { code: string }): JSX.Element {
  return (
    <span class="jj-offer">
      <code>{code}</code>
      <CopyButton text={() => code} label="Copy" />
    </span>
  );
}
