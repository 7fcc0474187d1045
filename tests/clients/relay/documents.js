// Documents of a Relay page: fragments, a paged connection and the script's operations. The compiler validates the
// tags against schema.graphql and Relay's rules, and writes ./__generated__.
import { graphql } from 'relay-runtime';

graphql`
  fragment documentsCard_order on Order {
    id
    number
    status
    statusLabel
    total {
      amount
    }
  }
`;

graphql`
  fragment documentsRefusal_error on UserError @relay(mask: false) {
    code
    message
    field
  }
`;

graphql`
  query documentsPizzeriasQuery {
    pizzerias {
      id
      code
      name
    }
  }
`;

graphql`
  query documentsOrderQuery($id: ID!) {
    order(id: $id) {
      ...documentsCard_order
      id
    }
  }
`;

// Relay's pagination: a connection that keeps its items, by the cursor connections specification.
graphql`
  query documentsOrdersQuery($first: Int!, $after: String) {
    orders(first: $first, after: $after, orderBy: PLACED_AT_DESC) @connection(key: "documents_orders") {
      edges {
        cursor
        node {
          ...documentsCard_order
          id
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`;

// Relay's refetching: any object with an id, through `node`.
graphql`
  fragment documentsRefetched_order on Order @refetchable(queryName: "documentsRefetchedQuery") {
    id
    status
    version
  }
`;

graphql`
  mutation documentsPlaceOrderMutation($input: PlaceOrderInput!) {
    placeOrder(input: $input) {
      order {
        id
        total {
          amount
        }
        ...documentsCard_order
      }
      position
      userErrors {
        ...documentsRefusal_error @relay(mask: false)
      }
    }
  }
`;

graphql`
  subscription documentsOrderChangedSubscription($id: ID!, $after: LogPosition) {
    orderChanged(id: $id, after: $after) {
      position
      event
      order {
        id
        status
      }
    }
  }
`;
