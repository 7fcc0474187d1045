//! Enums of unit variants with a stored name each, declared once: other crates derive their own enum from the same
//! list and must never restate it.

/// Declares an enum whose values are stored and shown under a name, with `ALL` and `as_str`, and a macro that passes
/// the variants, their descriptions and names to another macro: `for_each_…!(callback! { arguments })` calls
/// `callback! { { arguments } /// description, Variant = "NAME", … }`. `$` is passed because a macro cannot write it.
macro_rules! coded {
    ($d:tt $for_each:ident $(#[$meta:meta])* pub enum $name:ident {
        $($(#[$doc:meta])* $variant:ident = $code:tt,)+
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$doc])* #[serde(rename = $code)] $variant,)+ }

        impl $name {
            /// Every value, in the order of declaration.
            pub const ALL: [Self; [$($code),+].len()] = [$(Self::$variant),+];

            /// Returns the name under which it is stored and shown.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        #[doc(hidden)]
        #[macro_export]
        macro_rules! $for_each {
            ($d callback:ident! { $d($d arguments:tt)* }) => {
                $d callback! { { $d($d arguments)* } $($(#[$doc])* $variant = $code,)+ }
            };
        }
    };
}
