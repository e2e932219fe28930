/** The same as `src/dom.ts` by Preact: with `DOM=preact` all tests run on it, to show that both draw alike. */

import { Component, Fragment, h, render, type ComponentChildren, type JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

export { Fragment, h, render, useEffect, useLayoutEffect, useRef, useState };
export type { ComponentChildren, JSX };

/** Draw a component again only when one of its props is another value. */
export function memo<Props extends object>(
  draw: (props: Props) => JSX.Element | null,
): (props: Props & { key?: string | number }) => JSX.Element {
  class Memo extends Component<Props> {
    override shouldComponentUpdate(next: Props): boolean {
      return (Object.keys(next) as (keyof Props)[]).some((key) => next[key] !== this.props[key]);
    }

    override render(): JSX.Element | null {
      return draw(this.props);
    }
  }
  return (props) => h(Memo as never, props);
}
