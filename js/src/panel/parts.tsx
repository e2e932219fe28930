/** Small things that the panel is made of. */

import { h, useLayoutEffect, useRef, type ComponentChildren, type JSX } from "../dom.ts";
import { Icon } from "../states.tsx";

/** Give what comes into the page the keyboard; the page stays where it is. */
export const takeFocus = (element: HTMLElement | null): void =>
  element?.focus({ preventScroll: true });

interface ButtonProps {
  does(): void;
  /** Whether the keyboard goes there right away. */
  first?: boolean;
  children?: ComponentChildren;
  [attribute: string]: unknown;
}

/** A button whose click is for it alone, wherever it stands. */
export const Button = ({ does, first, ...rest }: ButtonProps): JSX.Element => (
  <button
    ref={first ? takeFocus : null}
    type="button"
    class="jj-button"
    onClick={(event) => {
      event.stopPropagation();
      does();
    }}
    {...rest}
  />
);

/** A button that is a drawing; `of` tells those who do not see where it stands what it is for. */
export const Glyph = (
  props: ButtonProps & { path: string; title: string; of?: string },
): JSX.Element => {
  const { path, of, ...rest } = props;
  const says = of ? `${rest.title} ${of}` : rest.title;
  return (
    <Button class="jj-glyph-button" aria-label={says} {...rest}>
      <Icon kind="jj-mark">
        <path d={path} />
      </Icon>
    </Button>
  );
};

/** The button that shows more and hides it again. */
export const Chevron = (
  props: ButtonProps & { open: boolean; title: string; of?: string },
): JSX.Element => {
  const { open, ...rest } = props;
  const path = open ? "M4.5 9.7L8 6.2l3.5 3.5" : "M4.5 6.3L8 9.8l3.5-3.5";
  return <Glyph path={path} aria-expanded={open} {...rest} />;
};

/** Terms and what they are, for a `dl`; what is not known is left out. */
export const terms = (entries: Iterable<readonly [string, ComponentChildren]>): ComponentChildren =>
  [...entries].map(
    ([term, value]) =>
      (value || value === 0) && (
        <div key={term}>
          <dt>{term}</dt>
          <dd>{value}</dd>
        </div>
      ),
  );

/** An element whose size matters: `measure` looks at it when it is there, and when its size changes. */
export function useMeasured(measure: (element: HTMLDivElement) => void): {
  readonly current: HTMLDivElement | null;
} {
  const self = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const element = self.current as HTMLDivElement;
    const observer = new ResizeObserver(() => measure(element));
    measure(element);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return self;
}
