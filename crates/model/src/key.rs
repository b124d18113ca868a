//! The catalogue of record keys.

mod placed;

use bytes::{BufMut, Bytes, BytesMut};

use crate::ResourceKind;

/// What policies and inline policies hang on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntityKind {
    /// A user.
    User = 1,
    /// A group.
    Group = 2,
    /// A role.
    Role = 3,
}

impl EntityKind {
    /// The kind as ARNs write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
            Self::Role => "role",
        }
    }

    /// The kind with this number.
    pub fn from_number(number: u32) -> Option<Self> {
        match number {
            1 => Some(Self::User),
            2 => Some(Self::Group),
            3 => Some(Self::Role),
            _ => None,
        }
    }
}

/// The key of a record. Names are in lower case, which makes them unique without regard to case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// An account, by number.
    Account(u64),
    /// A user of an account.
    User(u64, String),
    /// A group of an account.
    Group(u64, String),
    /// A role of an account.
    Role(u64, String),
    /// A managed policy of an account.
    Policy(u64, String),
    /// A version of a managed policy.
    PolicyVersion(u64, String, u32),
    /// An inline policy.
    Inline(u64, EntityKind, String, String),
    /// "This policy ARN is attached to that entity."
    Attachment(u64, EntityKind, String, String),
    /// "That user is in this group": group, then user.
    Member(u64, String, String),
    /// An access key, by id.
    AccessKey(u64, String),
    /// An instance profile, identity provider or the like.
    Resource(u64, ResourceKind, String),
    /// A quarantine that a node wrote and the account's group has imported, by id.
    Imported(u64, String),
    /// A quarantine that was lifted, by id.
    Lift(u64, String),
    /// Sessions of a role that are void, imported likewise, by the role's unique id.
    Void(u64, String),
    /// How an account vouches for its principals.
    Outbound(u64),
    /// The cluster itself.
    Cluster,
    /// A node.
    Node(u64),
    /// A group of accounts.
    Placement(u32),
    /// Which group an account lives in.
    AccountPlacement(u64),
    /// Which account a root e-mail address belongs to.
    Email(String),
    /// Which account an alias belongs to.
    Alias(String),
    /// The features of the organization that are switched on.
    Features,
    /// Which account an access key id belongs to that was chosen.
    ChosenKey(String),
    /// A node that was taken out.
    Departed(u64),
    /// Where an account came from: account and placement epoch.
    Home(u64, u64),
    /// That an account was moved away: account and the placement epoch that ends.
    Fence(u64, u64),
    /// A key that a node signs with: the node, and its how-manieth key.
    SigningKey(u64, u32),
}

fn texts(buffer: &mut BytesMut, parts: &[&str]) {
    for (n, part) in parts.iter().enumerate() {
        if n > 0 {
            buffer.put_u8(0);
        }
        buffer.put_slice(part.as_bytes());
    }
}

impl Key {
    /// The key as bytes. Keys of one account and kind stand together.
    #[expect(clippy::too_many_lines, reason = "one arm for each kind")]
    pub fn encode(&self) -> Bytes {
        let mut b = BytesMut::new();
        let mut head = |kind: u8, account: u64| {
            b.put_u8(kind);
            b.put_u64(account);
        };
        match self {
            Self::Account(a) => head(1, *a),
            Self::User(a, n) => {
                head(2, *a);
                texts(&mut b, &[n]);
            }
            Self::Group(a, n) => {
                head(3, *a);
                texts(&mut b, &[n]);
            }
            Self::Role(a, n) => {
                head(4, *a);
                texts(&mut b, &[n]);
            }
            Self::Policy(a, n) => {
                head(5, *a);
                texts(&mut b, &[n]);
            }
            Self::PolicyVersion(a, n, v) => {
                head(6, *a);
                b.put_u32(*v);
                texts(&mut b, &[n]);
            }
            Self::Inline(a, kind, entity, n) => {
                head(7, *a);
                b.put_u8(*kind as u8);
                texts(&mut b, &[entity, n]);
            }
            Self::Attachment(a, kind, entity, n) => {
                head(8, *a);
                b.put_u8(*kind as u8);
                texts(&mut b, &[entity, n]);
            }
            Self::Member(a, g, u) => {
                head(9, *a);
                texts(&mut b, &[g, u]);
            }
            Self::AccessKey(a, id) => {
                head(10, *a);
                texts(&mut b, &[id]);
            }
            Self::Resource(a, kind, n) => {
                head(20, *a);
                b.put_u8(*kind as u8);
                texts(&mut b, &[n]);
            }
            Self::Imported(a, id) => {
                head(32, *a);
                texts(&mut b, &[id]);
            }
            Self::Lift(a, id) => {
                head(33, *a);
                texts(&mut b, &[id]);
            }
            Self::Void(a, role) => {
                head(34, *a);
                texts(&mut b, &[role]);
            }
            Self::Outbound(a) => head(45, *a),
            Self::Cluster => head(64, 0),
            Self::Node(n) => head(65, *n),
            Self::Placement(g) => head(66, u64::from(*g)),
            Self::AccountPlacement(a) => head(67, *a),
            Self::Email(e) => {
                head(68, 0);
                texts(&mut b, &[e]);
            }
            Self::Alias(alias) => {
                head(50, 0);
                texts(&mut b, &[alias]);
            }
            Self::Features => head(51, 0),
            Self::ChosenKey(id) => {
                head(69, 0);
                texts(&mut b, &[id]);
            }
            Self::Departed(n) => head(75, *n),
            Self::Home(a, epoch) => {
                head(77, *a);
                b.put_u64(*epoch);
            }
            Self::Fence(a, epoch) => {
                head(78, *a);
                b.put_u64(*epoch);
            }
            Self::SigningKey(n, number) => {
                head(70, *n);
                b.put_u32(*number);
            }
        }
        b.freeze()
    }

    /// The key that these bytes are; `None` when they are none.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        let (number, rest) = rest.split_at_checked(8)?;
        let number = u64::from_be_bytes(number.try_into().ok()?);
        let text = |b: &[u8]| String::from_utf8(b.to_vec()).ok().filter(|t| !t.is_empty());
        let pair = |b: &[u8]| {
            let zero = b.iter().position(|b| *b == 0)?;
            Some((text(b.get(..zero)?)?, text(b.get(zero + 1..)?)?))
        };
        let entity = |b: &[u8]| {
            let (kind, rest) = b.split_first()?;
            let (entity, name) = pair(rest)?;
            Some((EntityKind::from_number(u32::from(*kind))?, entity, name))
        };
        let alone = |key: Self| rest.is_empty().then_some(key);
        match kind {
            1 => alone(Self::Account(number)),
            2 => Some(Self::User(number, text(rest)?)),
            3 => Some(Self::Group(number, text(rest)?)),
            4 => Some(Self::Role(number, text(rest)?)),
            5 => Some(Self::Policy(number, text(rest)?)),
            6 => {
                let (version, name) = rest.split_at_checked(4)?;
                Some(Self::PolicyVersion(
                    number,
                    text(name)?,
                    u32::from_be_bytes(version.try_into().ok()?),
                ))
            }
            7 => entity(rest).map(|(k, e, n)| Self::Inline(number, k, e, n)),
            8 => entity(rest).map(|(k, e, n)| Self::Attachment(number, k, e, n)),
            9 => pair(rest).map(|(g, u)| Self::Member(number, g, u)),
            10 => Some(Self::AccessKey(number, text(rest)?)),
            20 => {
                let (kind, name) = rest.split_first()?;
                let kind = ResourceKind::from_number(u32::from(*kind))?;
                Some(Self::Resource(number, kind, text(name)?))
            }
            32 => Some(Self::Imported(number, text(rest)?)),
            33 => Some(Self::Lift(number, text(rest)?)),
            34 => Some(Self::Void(number, text(rest)?)),
            50 if number == 0 => Some(Self::Alias(text(rest)?)),
            51 if number == 0 => alone(Self::Features),
            45 => alone(Self::Outbound(number)),
            64 if number == 0 => alone(Self::Cluster),
            65 => alone(Self::Node(number)),
            66 => alone(Self::Placement(number.try_into().ok()?)),
            67 => alone(Self::AccountPlacement(number)),
            68 if number == 0 => Some(Self::Email(text(rest)?)),
            69 if number == 0 => Some(Self::ChosenKey(text(rest)?)),
            75 => alone(Self::Departed(number)),
            77 => Some(Self::Home(number, u64::from_be_bytes(rest.try_into().ok()?))),
            78 => Some(Self::Fence(number, u64::from_be_bytes(rest.try_into().ok()?))),
            70 => Some(Self::SigningKey(number, u32::from_be_bytes(rest.try_into().ok()?))),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_survive_their_bytes() {
        let t = |s: &str| s.to_owned();
        for key in [
            Key::Account(7),
            Key::User(7, t("ada")),
            Key::Resource(7, ResourceKind::InstanceProfile, t("web")),
            Key::Group(7, t("g")),
            Key::Role(7, t("r")),
            Key::Policy(7, t("p")),
            Key::PolicyVersion(7, t("p"), 3),
            Key::Inline(7, EntityKind::Role, t("r"), t("in line")),
            Key::Attachment(7, EntityKind::User, t("ada"), t("arn:aws:iam::aws:policy/X")),
            Key::Member(7, t("g"), t("ada")),
            Key::AccessKey(7, t("AKIA")),
            Key::Imported(7, t("q")),
            Key::Lift(7, t("q")),
            Key::Void(7, t("AROA")),
            Key::Outbound(7),
            Key::Cluster,
            Key::Node(3),
            Key::Placement(2),
            Key::AccountPlacement(9),
            Key::Email(t("a@b")),
            Key::Alias(t("acme")),
            Key::Features,
            Key::ChosenKey(t("AKIAIOSFODNN7EXAMPLE")),
            Key::Departed(3),
            Key::Home(7, 2),
            Key::Fence(7, 1),
            Key::SigningKey(3, 1),
        ] {
            assert_eq!(Key::decode(&key.encode()), Some(key));
        }
    }

    /// A second spelling of a key would be a second record of the same thing.
    #[test]
    fn a_key_has_one_spelling() {
        assert_eq!(Key::decode(&[64, 0, 0, 0, 0, 0, 0, 0, 0]), Some(Key::Cluster));
        assert_eq!(Key::decode(&[64, 0, 0, 0, 0, 0, 0, 0, 1]), None);
        assert_eq!(Key::decode(&[68, 0, 0, 0, 0, 0, 0, 0, 1, b'a']), None);
    }

    proptest! {
        // Kinds are few, and most bytes are none of them: half of the cases start with one.
        #[test]
        fn hostile_bytes_never_panic(
            kind in prop_oneof![any::<u8>(), 1_u8..=10, 32_u8..=34, 45_u8..=51, 64_u8..=70, 75_u8..=78],
            number in prop_oneof![any::<u64>(), 0_u64..3],
            rest in prop::collection::vec(prop_oneof![any::<u8>(), 0_u8..4, 97_u8..100], 0..40),
            cut in 0_usize..49,
        ) {
            let mut bytes = vec![kind];
            bytes.extend(number.to_be_bytes());
            bytes.extend(rest);
            bytes.truncate(bytes.len() - cut.min(bytes.len()) * usize::from(cut < 12));
            if let Some(key) = Key::decode(&bytes) {
                prop_assert_eq!(key.encode(), &bytes);
            }
            if let Some((epoch, key)) = Key::decode_at(&bytes) {
                prop_assert_eq!(key.encode_at(epoch), bytes);
            }
        }
    }
}
