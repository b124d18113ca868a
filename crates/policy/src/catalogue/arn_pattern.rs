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
        if let Some(first) = reached.first_mut() {
            *first = true;
        }
        for at in 0..=self.places.len() {
            let next = step(&mut reached, self.places.get(at), &other.places);
            if at < self.places.len() {
                reached = next;
            }
        }
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

/// Completes the places that are reached while one pattern stays at `mine`, and gives those that are reached one place further.
fn step(reached: &mut [bool], mine: Option<&Place>, theirs: &[Place]) -> Vec<bool> {
    let mut next = vec![false; reached.len()];
    let mut carried = false;
    for (at, (here, further)) in reached.iter_mut().zip(&mut next).enumerate() {
        // `further` may be set by the place before, through `carried_on`, so it is only ever added to.
        *here |= carried;
        carried = false;
        if !*here {
            continue;
        }
        let their = theirs.get(at);
        *further |= mine.is_some_and(|mine| mine.repeated);
        let Some(their) = their else { continue };
        let both = mine.is_some_and(|mine| mine.class.overlaps(their.class));
        // Their place is left behind: because it may be empty, or because a byte of it was taken by a run of ours.
        carried = their.repeated || both && mine.is_some_and(|mine| mine.repeated);
        // Our place is left behind, taken by a run of theirs.
        *further |= both && their.repeated;
    }
    advance_both(reached, mine, theirs, &mut next);
    next
}

/// Both patterns leave a byte behind.
fn advance_both(reached: &[bool], mine: Option<&Place>, theirs: &[Place], next: &mut [bool]) {
    let Some(mine) = mine else { return };
    for ((here, their), further) in reached.iter().zip(theirs).zip(next.iter_mut().skip(1)) {
        *further |= *here && mine.class.overlaps(their.class);
    }
}
