// A queue of pushed items that are read one by one.

/**
 * The items of a subscription. `subscribe` is given a sink of `next`, `error` and `complete`, and gives a function that
 * ends the subscription.
 */
export async function* items(subscribe) {
  const waiting = [];
  let wake = () => {};
  let over;
  const note = (change) => {
    change();
    wake();
  };
  const unsubscribe = subscribe({
    next: (item) => note(() => waiting.push(item)),
    error: (cause) => note(() => (over ??= { cause })),
    complete: () => note(() => (over ??= {})),
  });
  try {
    for (;;) {
      while (waiting.length > 0) {
        yield waiting.shift();
      }
      if (over) {
        if (over.cause) {
          throw over.cause;
        }
        return;
      }
      await new Promise((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    unsubscribe();
  }
}
