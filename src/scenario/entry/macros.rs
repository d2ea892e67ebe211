//! The declarations of `file/` read like the YAML they describe; these macros make the code from them.

/// Makes a struct, and its [`Entry`](super::Entry), from fields with their types and defaults. A field without a
/// default must be given. `one of [a, b]` says that a file gives exactly one of these fields.
macro_rules! table {
    (
        $(#[doc = $about:literal])*
        pub struct $name:ident $(one of [$($one:ident),*])? {
            $( $(#[doc = $doc:literal])* $field:ident: $type:ty $(= $default:expr)?, )*
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Clone, Debug, PartialEq)]
        pub(in crate::scenario) struct $name {
            $( $(#[doc = $doc])* pub $field: $type, )*
        }

        impl $crate::scenario::entry::Entry for $name {
            fn expected() -> String {
                let keys = $crate::scenario::entry::keys(&[$(stringify!($field)),*]);
                format!("a table with the keys: {}", keys.join(", "))
            }

            fn fallback() -> Self {
                Self {
                    $($field: $crate::scenario::entry::table!(@fallback $type $(, $default)?),)*
                }
            }

            fn read(
                node: &$crate::yaml::tree::Node,
                at: &$crate::yaml::tree::KeyPath,
                problems: &mut $crate::yaml::problem::Problems,
            ) -> Self {
                let known = $crate::scenario::entry::keys(&[$(stringify!($field)),*]);
                #[allow(unused_variables, reason = "a table without fields reads none")]
                let fields = $crate::scenario::entry::Fields::open(node, at, &known, problems);
                $(
                    let one = $crate::scenario::entry::keys(&[$(stringify!($one)),*]);
                    fields.exactly_one(&one, problems);
                )?
                $(
                    let $field = $crate::scenario::entry::table!(
                        @read fields, problems, $field, $type $(, $default)?
                    );
                )*
                Self { $( $field, )* }
            }

            fn write(&self) -> Option<$crate::yaml::tree::Node> {
                let keys = $crate::scenario::entry::keys(&[$(stringify!($field)),*]);
                let values: Vec<Option<$crate::yaml::tree::Node>> =
                    vec![$(<$type as $crate::scenario::entry::Entry>::write(&self.$field)),*];
                let entries = keys.iter().map(String::as_str).zip(values);
                Some($crate::yaml::tree::Node::table(entries))
            }

            fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                generator.subschema_for::<Self>()
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            #[allow(unused_variables, reason = "a table without fields needs no generator")]
            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                #[allow(unused_mut, reason = "a table without fields has none to add")]
                let mut shape = $crate::scenario::entry::TableShape::new(&[$($about),*]);
                $(
                    let one = $crate::scenario::entry::keys(&[$(stringify!($one)),*]);
                    shape.exactly_one(&one);
                )?
                $(
                    $crate::scenario::entry::table!(
                        @shape shape, generator, [$($doc),*], $field, $type $(, $default)?
                    );
                )*
                shape.finish()
            }
        }
    };
    (@fallback $type:ty) => {
        <$type as $crate::scenario::entry::Entry>::fallback()
    };
    (@fallback $type:ty, $default:expr) => {
        $default
    };
    (@read $fields:ident, $problems:ident, $field:ident, $type:ty) => {
        $fields.required::<$type>(stringify!($field), $problems)
    };
    (@read $fields:ident, $problems:ident, $field:ident, $type:ty, $default:expr) => {
        $fields.optional::<$type>(stringify!($field), || $default, $problems)
    };
    (@shape $shape:ident, $generator:ident, $doc:expr, $field:ident, $type:ty) => {
        $shape.required::<$type>(stringify!($field), &$doc, $generator)
    };
    (@shape $shape:ident, $generator:ident, $doc:expr, $field:ident, $type:ty, $default:expr) => {
        $shape.optional::<$type>(stringify!($field), &$doc, &$default, $generator)
    };
}

/// Makes an enum whose value in a file is a table with one key, the word of the variant; a bare word stands for the
/// word with nothing behind it.
macro_rules! choice {
    (
        $(#[doc = $about:literal])*
        pub enum $name:ident {
            $( $(#[doc = $doc:literal])* $word:literal => $variant:ident($body:ty), )*
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Clone, Debug, PartialEq)]
        pub(in crate::scenario) enum $name {
            $( $(#[doc = $doc])* $variant($body), )*
        }

        impl $name {
            /// The words a file may choose from.
            pub const WORDS: &'static [&'static str] = &[$($word),*];

            /// Reads the body that belongs to a word of [`Self::WORDS`].
            pub fn read_body(
                word: &str,
                body: &$crate::yaml::tree::Node,
                at: &$crate::yaml::tree::KeyPath,
                problems: &mut $crate::yaml::problem::Problems,
            ) -> Self {
                $(
                    if word == $word {
                        let body = $crate::scenario::entry::Entry::read(body, at, problems);
                        return Self::$variant(body);
                    }
                )*
                unreachable!("the word {word} is one of {:?}", Self::WORDS)
            }

            /// The word and the body, as they stand in a file.
            pub fn parts(&self) -> (&'static str, Option<$crate::yaml::tree::Node>) {
                match self {
                    $(Self::$variant(body) => {
                        ($word, <$body as $crate::scenario::entry::Entry>::write(body))
                    })*
                }
            }
        }

        impl $crate::scenario::entry::Entry for $name {
            fn expected() -> String {
                format!("one of: {}", Self::WORDS.join(", "))
            }

            fn fallback() -> Self {
                let all = [$({
                    let fallback: fn() -> Self =
                        || Self::$variant($crate::scenario::entry::Entry::fallback());
                    fallback
                }),*];
                all[0]()
            }

            fn read(
                node: &$crate::yaml::tree::Node,
                at: &$crate::yaml::tree::KeyPath,
                problems: &mut $crate::yaml::problem::Problems,
            ) -> Self {
                let chosen = $crate::scenario::entry::choose(node, at, Self::WORDS, problems);
                let Some((word, body)) = chosen else {
                    return <Self as $crate::scenario::entry::Entry>::fallback();
                };
                // A body that is missing is reported where the word stands.
                let mut nothing = $crate::yaml::tree::Node::null();
                nothing.place = node.place;
                Self::read_body(word, body.unwrap_or(&nothing), &at.key(word), problems)
            }

            fn write(&self) -> Option<$crate::yaml::tree::Node> {
                Some($crate::yaml::tree::Node::table([self.parts()]))
            }

            fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                generator.subschema_for::<Self>()
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let mut shape = $crate::scenario::entry::ChoiceShape::new(&[$($about),*]);
                $( shape.variant::<$body>($word, &[$($doc),*], generator); )*
                shape.finish()
            }
        }
    };
}

/// Makes an enum whose value in a file is a word; a second word is another name for the same.
macro_rules! words {
    (
        $(#[doc = $about:literal])*
        pub enum $name:ident {
            $( $(#[doc = $doc:literal])* $word:literal $(| $alias:literal)* => $variant:ident, )*
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(in crate::scenario) enum $name {
            $( $(#[doc = $doc])* $variant, )*
        }

        impl $crate::scenario::entry::Leaf for $name {
            fn expected() -> String {
                format!("one of: {}", [$($word),*].join(", "))
            }

            fn fallback() -> Self {
                [$(Self::$variant),*][0]
            }

            fn parse(
                scalar: &$crate::yaml::tree::Scalar,
            ) -> Result<Self, $crate::scenario::entry::Advice> {
                $(
                    if [$word $(, $alias)*].contains(&scalar.text.as_str()) {
                        return Ok(Self::$variant);
                    }
                )*
                let near = $crate::yaml::problem::nearest(&scalar.text, [$($word),*]);
                Err($crate::scenario::entry::Advice(
                    near.map(|word| format!("did you mean '{word}'?")),
                ))
            }

            fn scalar(&self) -> $crate::yaml::tree::Scalar {
                $crate::yaml::tree::Scalar::plain(match self {
                    $(Self::$variant => $word,)*
                })
            }

            fn schema() -> schemars::Schema {
                schemars::json_schema!({ "enum": [$($word $(, $alias)*),*] })
            }
        }

        $crate::scenario::entry::leaf!($name);
    };
}

/// Makes an [`Entry`](super::Entry) of a [`Leaf`](super::Leaf).
macro_rules! leaf {
    ($name:ident) => {
        $crate::scenario::entry::leaf!([] $name);
    };
    ([$($generics:tt)*] $name:ty) => {
        impl<$($generics)*> $crate::scenario::entry::Entry for $name {
            fn expected() -> String {
                <Self as $crate::scenario::entry::Leaf>::expected()
            }

            fn fallback() -> Self {
                <Self as $crate::scenario::entry::Leaf>::fallback()
            }

            fn read(
                node: &$crate::yaml::tree::Node,
                at: &$crate::yaml::tree::KeyPath,
                problems: &mut $crate::yaml::problem::Problems,
            ) -> Self {
                $crate::scenario::entry::read_leaf(node, at, problems)
            }

            fn write(&self) -> Option<$crate::yaml::tree::Node> {
                let scalar = $crate::scenario::entry::Leaf::scalar(self);
                let data = $crate::yaml::tree::Data::Scalar(scalar);
                Some($crate::yaml::tree::Node::unplaced(data))
            }

            fn schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                <Self as $crate::scenario::entry::Leaf>::schema()
            }
        }
    };
}

pub(in crate::scenario) use {choice, leaf, table, words};
