//! Whether two ARN patterns have an ARN in common: that of a resource type with placeholders, and that of a policy with wildcards.

/// Which bytes a place of a pattern takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Byte(u8),
    /// What does not end a part of an ARN.
    InPart,
    /// What does not end a segment of a path either.
    InSegment,
    Any,
}

impl Class {
    fn takes(self, byte: u8) -> bool {
        match self {
            Self::Byte(wanted) => byte == wanted,
            Self::InPart => byte != b':',
            Self::InSegment => !matches!(byte, b':' | b'/'),
            Self::Any => true,
        }
    }

    fn overlaps(self, other: Self) -> bool {
        match (self, other) {
            (Self::Byte(byte), class) | (class, Self::Byte(byte)) => class.takes(byte),
            _ => true,
        }
    }
}

/// One place: exactly one byte of a class, or any number of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    class: Class,
    repeated: bool,
}

/// Parts of an ARN; the last may hold colons.
const PARTS: usize = 6;

/// Services with resources of AWS's own, whose ARNs have no account: public documents and parameters, and views.
const OF_AWS: [&str; 2] = [":ssm:", ":resource-explorer-2:"];

/// A pattern of ARNs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ArnPattern {
    places: Box<[Place]>,
    /// The service, where it is written without wildcards: most pairs of patterns differ in it,
    service: Option<Box<str>>,
    /// and most others in how the last part begins. `None` where there are fewer parts.
    head: Option<Box<str>>,
}

impl ArnPattern {
    /// Reads the ARN of a resource type: placeholders stand for at least one character, but for the account of what AWS itself owns.
    pub(crate) fn of_reference(arn: &str) -> Self {
        Self::read(arn, |name| match name {
            // Amazon S3, "Bucket naming rules": no slash, so a path below a bucket is an object.
            "BucketName" => Class::InSegment,
            _ => Class::Any,
        })
    }

    /// Reads a resource of a policy: wildcards and policy variables stand for any text, but for the first five parts, where they stay
    /// within theirs. (The engine lets them cross, as AWS does; an ARN that is only reached so is not what was meant.)
    pub(crate) fn of_policy(arn: &str) -> Self {
        // What a variable stands for is not known here; its name holds colons that are none of the ARN's.
        let mut text = String::with_capacity(arn.len());
        let mut rest = arn;
        while let Some((before, behind)) = rest.split_once("${") {
            let Some((_, after)) = behind.split_once('}') else { break };
            text.push_str(before);
            text.push('*');
            rest = after;
        }
        text.push_str(rest);
        Self::read(&text, |_| Class::Any)
    }

    /// `class` gives the class of a placeholder behind the fifth colon, and `Any` for all others.
    fn read(arn: &str, class: impl Fn(&str) -> Class) -> Self {
        let whole = arn.splitn(PARTS, ':').count() == PARTS;
        let mut places = Vec::with_capacity(arn.len());
        for (number, part) in arn.splitn(PARTS, ':').enumerate() {
            if number > 0 {
                places.push(literal(b':'));
            }
            let wildcard = if whole && number + 1 < PARTS { Class::InPart } else { Class::Any };
            let mut rest = part;
            while let Some((text, behind)) = rest.split_once("${") {
                let Some((name, after)) = behind.split_once('}') else { break };
                places.extend(text.bytes().map(|byte| place(byte, wildcard)));
                let class = if wildcard == Class::Any { class(name) } else { wildcard };
                if !(name.starts_with("Account") && OF_AWS.iter().any(|s| arn.contains(s))) {
                    places.push(Place { class, repeated: false });
                }
                places.push(Place { class, repeated: true });
                rest = after;
            }
            places.extend(rest.bytes().map(|byte| place(byte, wildcard)));
        }
        let service = arn.split(':').nth(2).filter(|service| !service.contains(['*', '?', '$']));
        let last = if whole { arn.splitn(PARTS, ':').last() } else { None };
        let head = last.and_then(|last| last.split(['*', '?', '$']).next());
        Self { places: places.into(), service: service.map(Into::into), head: head.map(Into::into) }
    }

    /// Whether some ARN matches both. Time is the product of their lengths.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        if let (Some(one), Some(two)) = (&self.service, &other.service)
            && one != two
        {
            return false;
        }
        if let (Some(one), Some(two)) = (&self.head, &other.head)
            && !one.bytes().zip(two.bytes()).all(|(a, b)| a == b)
        {
            return false;
        }
        // `reached` holds for each place of `other` whether it can be next when `self` is at the present place.
        let mut reached = vec![false; other.places.len() + 1];
        let mut next = reached.clone();
        if let Some(first) = reached.first_mut() {
            *first = true;
        }
        for mine in &self.places {
            next.fill(false);
            step(&mut reached, Some(mine), &other.places, &mut next);
            core::mem::swap(&mut reached, &mut next);
        }
        step(&mut reached, None, &other.places, &mut next);
        reached.last() == Some(&true)
    }
}

fn place(byte: u8, wildcard: Class) -> Place {
    match byte {
        b'*' => Place { class: wildcard, repeated: true },
        b'?' => Place { class: wildcard, repeated: false },
        byte => literal(byte),
    }
}

fn literal(byte: u8) -> Place {
    Place { class: Class::Byte(byte), repeated: false }
}

/// Completes the places that are reached while one pattern stays at `mine` (`None` at its end), and adds to `next` those that are
/// reached one place further.
fn step(reached: &mut [bool], mine: Option<&Place>, theirs: &[Place], next: &mut [bool]) {
    // Whether the present place of theirs is reached from the one before it.
    let mut carried = false;
    // Whether both left a byte behind at the place before.
    let mut both_left = false;
    for (at, (here, further)) in reached.iter_mut().zip(next).enumerate() {
        *here |= carried;
        *further |= both_left;
        (carried, both_left) = (false, false);
        if !*here {
            continue;
        }
        let their = theirs.get(at);
        let both = mine.zip(their).is_some_and(|(m, t)| m.class.overlaps(t.class));
        let (mine_repeated, their_repeated) =
            (mine.is_some_and(|m| m.repeated), their.is_some_and(|t| t.repeated));
        // Ours is left behind: because it may be empty, or because a byte of it was taken by a run of theirs; and the other way round.
        *further |= mine_repeated || both && their_repeated;
        carried = their_repeated || both && mine_repeated;
        both_left = both;
    }
}
