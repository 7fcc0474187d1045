//! Relay connections: where a page lies, and the bound that every list has.

use async_graphql::SimpleObject;
use projections::page::PageError;

use crate::error::ApiError;
use crate::field_access::open;

/// The position of a page in its list.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(directive = open::apply())]
pub struct PageInfo {
    /// Whether the list goes on behind the page.
    pub has_next_page: bool,
    /// Whether the list begins before the page.
    pub has_previous_page: bool,
    /// The first item's cursor.
    pub start_cursor: Option<String>,
    /// The last item's cursor.
    pub end_cursor: Option<String>,
}

impl From<PageError> for ApiError {
    fn from(error: PageError) -> Self {
        match error {
            PageError::Database(error) => error.into(),
            wrong => Self::bad_input(wrong.to_string()),
        }
    }
}

/// Declares a Relay connection over a read model's page. With `as_of`, one whose nodes can be of the past.
macro_rules! connection {
    ($connection:ident, $edge:ident, $node:ty, $what:literal) => {
        crate::types::page::connection!($connection, $edge, $node, $what, {}, {});
    };
    ($connection:ident, $edge:ident, $node:ty, $what:literal, as_of) => {
        crate::types::page::connection!(
            $connection, $edge, $node, $what,
            {
                /// The log's position of the page, if `asOf` was given; `null` for the present.
                pub as_of_position: Option<crate::scalars::Position>,
            },
            { as_of_position: None, }
        );

        impl $connection {
            /// A page as it was at a moment.
            pub fn as_of<T: Into<$node>>(
                page: projections::page::Page<T>,
                point: crate::as_of::PointInTime,
            ) -> Self {
                let mut connection = Self::from(page);
                connection.as_of_position = crate::as_of::position(Some(point));
                let nodes = connection.edges.iter_mut().map(|edge| &mut edge.node);
                for node in nodes.chain(&mut connection.nodes) {
                    node.as_of = Some(point);
                }
                connection
            }
        }
    };
    ($connection:ident, $edge:ident, $node:ty, $what:literal, { $($field:tt)* }, { $($value:tt)* }) => {
        #[doc = concat!("A page of ", $what, ".")]
        #[derive(Debug, async_graphql::SimpleObject)]
        #[graphql(directive = crate::field_access::open::apply())]
        pub struct $connection {
            /// The items, with their cursors.
            pub edges: Vec<$edge>,
            /// The items.
            pub nodes: Vec<$node>,
            /// The position of the page in its list.
            pub page_info: crate::types::page::PageInfo,
            $($field)*
        }

        #[doc = concat!("An item of a page of ", $what, ".")]
        #[derive(Debug, async_graphql::SimpleObject)]
        #[graphql(directive = crate::field_access::open::apply())]
        pub struct $edge {
            /// The item's cursor.
            pub cursor: String,
            /// The item.
            pub node: $node,
        }

        impl<T: Into<$node>> From<projections::page::Page<T>> for $connection {
            fn from(page: projections::page::Page<T>) -> Self {
                let (has_next_page, has_previous_page) = (page.has_next, page.has_previous);
                let edges: Vec<$edge> = page
                    .items
                    .into_iter()
                    .map(|item| $edge { cursor: item.cursor, node: item.node.into() })
                    .collect();
                let page_info = crate::types::page::PageInfo {
                    has_next_page,
                    has_previous_page,
                    start_cursor: edges.first().map(|edge| edge.cursor.clone()),
                    end_cursor: edges.last().map(|edge| edge.cursor.clone()),
                };
                let nodes = edges.iter().map(|edge| edge.node.clone()).collect();
                Self { edges, nodes, page_info, $($value)* }
            }
        }
    };
}
pub(crate) use connection;
