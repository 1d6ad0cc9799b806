"use client";

import { Component, type ReactNode } from "react";

interface Props {
  /** When this value changes, the block is rendered again. */
  readonly data: unknown;
  readonly fallback: ReactNode;
  readonly onError?: ((error: unknown) => void) | undefined;
  readonly children: ReactNode;
}

interface State {
  readonly failed: boolean;
}

/** An error boundary around one block. */
export class BlockBoundary extends Component<Props, State> {
  override state: State = { failed: false };

  static getDerivedStateFromError(): State {
    return { failed: true };
  }

  override componentDidCatch(error: unknown): void {
    this.props.onError?.(error);
  }

  override componentDidUpdate(before: Props): void {
    if (this.state.failed && before.data !== this.props.data) this.setState({ failed: false });
  }

  override render(): ReactNode {
    return this.state.failed ? this.props.fallback : this.props.children;
  }
}
