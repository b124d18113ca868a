//! Keys and fingerprints as `ssh-keygen` of OpenSSH wrote them.

use super::*;

const KEY: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQClnxkwWbTKYB33sNNTbpRXVd2SI9xVNh/454JECSr7OHGbOum17SUo3fcA8ZxEfR9EoVn9IC8yGkxq6rGWVfrLN8d2DpsHLRJG1bn8J6C84kzLPF6Gy0yODXF1RCXsmBJ3YdhsBXWA4bcpFwCaUzVGnEyBvI2NJ7ujtJOp4tcytNJUEhevrJ88Uu8hcKWQZr3Ku/+P67kHa1j/8nlQXZS1dYKqfUXXEjGAEOMhnObl8yE8MKINU/nkFd3obUw4RQLL9tabcYTLCkBv0krPDhz5EL15277yNCawA2D450QlUvcZfars7UgPcuY+IBl9+gn5bSXBtj37IILlQgtuW6EF";
/// `ssh-keygen -l -E md5`.
const FINGERPRINT: &str = "fd:c4:9b:9f:91:3c:b1:2e:99:e4:83:63:fc:38:1d:69";
/// `ssh-keygen -e -m PKCS8`.
const PEM: &str = "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEApZ8ZMFm0ymAd97DTU26U\nV1XdkiPcVTYf+OeCRAkq+zhxmzrpte0lKN33APGcRH0fRKFZ/SAvMhpMauqxllX6\nyzfHdg6bBy0SRtW5/CegvOJMyzxehstMjg1xdUQl7JgSd2HYbAV1gOG3KRcAmlM1\nRpxMgbyNjSe7o7STqeLXMrTSVBIXr6yfPFLvIXClkGa9yrv/j+u5B2tY//J5UF2U\ntXWCqn1F1xIxgBDjIZzm5fMhPDCiDVP55BXd6G1MOEUCy/bWm3GEywpAb9JKzw4c\n+RC9edu+8jQmsANg+OdEJVL3GX2q7O1ID3LmPiAZffoJ+W0lwbY9+yCC5UILbluh\nBQIDAQAB\n-----END PUBLIC KEY-----";
/// `ssh-keygen -e -m PEM`.
const RSA_PEM: &str = "-----BEGIN RSA PUBLIC KEY-----\nMIIBCgKCAQEApZ8ZMFm0ymAd97DTU26UV1XdkiPcVTYf+OeCRAkq+zhxmzrpte0l\nKN33APGcRH0fRKFZ/SAvMhpMauqxllX6yzfHdg6bBy0SRtW5/CegvOJMyzxehstM\njg1xdUQl7JgSd2HYbAV1gOG3KRcAmlM1RpxMgbyNjSe7o7STqeLXMrTSVBIXr6yf\nPFLvIXClkGa9yrv/j+u5B2tY//J5UF2UtXWCqn1F1xIxgBDjIZzm5fMhPDCiDVP5\n5BXd6G1MOEUCy/bWm3GEywpAb9JKzw4c+RC9edu+8jQmsANg+OdEJVL3GX2q7O1I\nD3LmPiAZffoJ+W0lwbY9+yCC5UILbluhBQIDAQAB\n-----END RSA PUBLIC KEY-----";
/// A key of 1024 bits.
const SHORT: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDCMNdqvvb7CBEUm/FhA5a0phZwKjjQxhYO8q9guTYzzWO5LPEAWn95tuQY6s6/hODktkgob/J0J9ZLAu983wd4YUkPeS3L7iM7ClMKKWWUJyXvtC8EJ4pkDY81EtkaoVP8U3geuvj4FVcKheBrvaKnUZeO1g8Ten5pd1wcc5N+Vw==";
const ED25519: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE67CKFEzGYXS6djqDLBcxNHpQjO45QNqUYfOb97rOim";

#[test]
fn a_key_is_the_same_in_every_encoding() {
    for text in [KEY, &format!("{KEY} ada@home\n"), PEM, RSA_PEM] {
        let key = SshKey::parse(text).unwrap();
        assert_eq!(key.to_open_ssh(), KEY, "{text}");
        assert_eq!(key.to_pem().unwrap(), PEM, "{text}");
        assert_eq!(key.fingerprint(), FINGERPRINT, "{text}");
    }
}

#[test]
fn what_is_no_usable_key_is_refused() {
    let cut = KEY.get(..120).unwrap();
    let check = |text: &str, error| assert_eq!(SshKey::parse(text).unwrap_err(), error, "{text}");
    for text in [ED25519, "", "AAAA", &PEM.replace("PUBLIC KEY", "CERTIFICATE")] {
        check(text, SshKeyError::UnknownEncoding);
    }
    for text in [SHORT, cut, "ssh-rsa", "ssh-rsa !", "ssh-rsa AAAA", &PEM.replace("MIIB", "AIIB")] {
        check(text, SshKeyError::Invalid);
    }
    let another_name = STANDARD.encode(b"\0\0\0\x03dsa\0\0\0\x01\x03\0\0\0\x01\x03");
    check(&format!("ssh-rsa {another_name}"), SshKeyError::Invalid);
}
