/** Root of the checkout. */
export const CHECKOUT = new URL('../../../', import.meta.url);
