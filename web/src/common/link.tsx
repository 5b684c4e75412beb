/** Links: to other states of the page, and to other sites, of which only the schemes of the web are followed. */
import type { ComponentChildren } from "preact";
import { linkTo } from "./hash";

interface Props {
  to: Record<string, string | null>;
  children: ComponentChildren;
  class?: string;
  current?: boolean;
  label?: string;
}

export function StateLink({ to, children, current, label, ...rest }: Props) {
  return (
    <a href={linkTo(to)} aria-current={current ? "page" : undefined} aria-label={label} {...rest}>
      {children}
    </a>
  );
}

export function WebLink({ href, children }: { href: string; children: ComponentChildren }) {
  if (!/^https?:\/\//i.test(href)) return <>{children}</>;
  return (
    <a href={href} target="_blank" rel="noopener noreferrer">
      {children}
    </a>
  );
}
