//! Which addresses a node may ask on behalf of an account: whoever registers a provider must not get a view of the node's own network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What there is at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// The public internet.
    Public,
    /// A private network, or this machine.
    Private,
    /// What is no provider's, such as the metadata service of a cloud.
    Never,
}

fn v4(ip: Ipv4Addr) -> Reach {
    let [a, b, c, _] = ip.octets();
    let shared = a == 100 && (64..128).contains(&b);
    if ip.is_loopback() || ip.is_private() || shared {
        return Reach::Private;
    }
    let reserved =
        a == 0 || a >= 240 || (a == 192 && b == 0 && c == 0) || (a == 198 && (18..20).contains(&b));
    if ip.is_link_local() || ip.is_multicast() || ip.is_documentation() || reserved {
        return Reach::Never;
    }
    Reach::Public
}

fn v6(ip: Ipv6Addr) -> Reach {
    let [first, second, ..] = ip.segments();
    if ip.is_loopback() || first & 0xfe00 == 0xfc00 {
        // The metadata service of AWS stands among the private addresses.
        let metadata = ip == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
        return if metadata { Reach::Never } else { Reach::Private };
    }
    // Global unicast, less what only wraps an address of IPv4 and what is for documentation.
    let wraps = first == 0x2002 || (first == 0x2001 && second == 0);
    let documentation = first == 0x2001 && second == 0xdb8;
    if first & 0xe000 == 0x2000 && !wraps && !documentation { Reach::Public } else { Reach::Never }
}

/// What there is at an address.
pub(super) fn reach(ip: IpAddr) -> Reach {
    match ip.to_canonical() {
        IpAddr::V4(ip) => v4(ip),
        IpAddr::V6(ip) => v6(ip),
    }
}

/// Whether a host, as a URL has it, is this machine by its very name.
pub(crate) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nodes_own_surroundings_are_not_public() {
        let check = |text: &str, expected: Reach| {
            assert_eq!(reach(text.parse().unwrap()), expected, "{text}");
        };
        for public in ["1.1.1.1", "142.250.1.1", "100.63.0.1", "172.32.0.1", "2606:4700::1111"] {
            check(public, Reach::Public);
        }
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "::1",
            "fd00::1",
            "::ffff:10.0.0.1",
        ] {
            check(private, Reach::Private);
        }
        for never in [
            "169.254.169.254",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "198.18.0.1",
            "fe80::1",
            "ff02::1",
            "fd00:ec2::254",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "::",
        ] {
            check(never, Reach::Never);
        }
    }

    #[test]
    fn only_a_name_that_can_be_nothing_else_is_this_machine() {
        for ours in ["localhost", "127.0.0.1", "127.9.9.9", "[::1]"] {
            assert!(is_loopback(ours), "{ours}");
        }
        for other in ["localhost.evil.com", "127.0.0.1.nip.io", "10.0.0.1", "", "[::2]"] {
            assert!(!is_loopback(other), "{other}");
        }
    }
}
