// A typed client of the API in about sixty lines: `fetch` for queries and mutations, graphql-ws for subscriptions.
import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { print } from 'graphql';
import { type Client, createClient } from 'graphql-ws';

/** What is not a refusal by the domain: a fault, or something that the caller may not see. */
export class ApiError extends Error {
  constructor(
    readonly code: string,
    message: string,
    /** Whether the same request may be sent again. */
    readonly retryable: boolean,
  ) {
    super(message);
  }
}

interface Answer<Data> {
  data?: Data | null;
  errors?: readonly { message: string; extensions?: { code?: string; retryable?: boolean } }[];
}

function dataOf<Data>({ data, errors }: Answer<Data>): Data {
  const error = errors?.[0];
  if (error || !data) {
    const { code = 'INTERNAL', retryable = false } = error?.extensions ?? {};
    throw new ApiError(code, error?.message ?? 'no data', retryable);
  }
  return data;
}

export class Api {
  readonly #socket: Client;

  constructor(
    readonly url: string,
    readonly token: string,
    webSocketImpl: unknown = globalThis.WebSocket,
  ) {
    this.#socket = createClient({
      url: url.replace(/^http/, 'ws'),
      webSocketImpl,
      connectionParams: { authorization: `Bearer ${token}` },
      retryAttempts: 0,
    });
  }

  /** A query or a mutation; its variables and its answer have the types of the document. */
  async execute<Data, Variables>(document: TypedDocumentNode<Data, Variables>, variables: Variables): Promise<Data> {
    const answer = await fetch(this.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/graphql-response+json, application/json',
        authorization: `Bearer ${this.token}`,
      },
      body: JSON.stringify({ query: print(document), variables }),
    });
    return dataOf((await answer.json()) as Answer<Data>);
  }

  /** The items of a subscription; fails when the connection is lost. */
  async *follow<Data, Variables extends Record<string, unknown>>(
    document: TypedDocumentNode<Data, Variables>,
    variables: Variables,
  ): AsyncGenerator<Data> {
    for await (const answer of this.#socket.iterate<Data>({ query: print(document), variables })) {
      yield dataOf(answer as Answer<Data>);
    }
  }

  async close(): Promise<void> {
    await this.#socket.dispose();
  }
}
