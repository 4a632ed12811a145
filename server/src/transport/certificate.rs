//! Until when a certificate is good.

use std::time::Duration;

use readrealm_protocol::Timestamp;
use tokio_rustls::rustls::pki_types::CertificateDer;
use x509_cert::certificate::{CertificateInner, Raw};
use x509_cert::der::Decode;

/// So long before a certificate's end it is time for another.
const SOON: Duration = Duration::from_hours(14 * 24);

/// When it ends; nothing where it does not say so in a way that is understood, which is for clients to judge.
pub(super) fn end(certificate: &CertificateDer<'_>) -> Option<Timestamp> {
    let read = CertificateInner::<Raw>::from_der(certificate).ok()?;
    let end = read.tbs_certificate().validity().not_after.to_unix_duration();
    Some(Timestamp::from_millis(i64::try_from(end.as_millis()).ok()?))
}

/// What there is to be said of one that ends then.
pub(super) fn warning(end: Timestamp, now: Timestamp) -> Option<&'static str> {
    let left = end.as_millis() - now.as_millis();
    if left <= 0 {
        Some("the TLS certificate has expired: clients refuse it")
    } else if Duration::from_millis(left.unsigned_abs()) < SOON {
        Some("the TLS certificate ends within 14 days")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use tokio_rustls::rustls::pki_types::pem::PemObject;

    use super::*;

    #[test]
    fn the_end_is_read() {
        let pem = include_bytes!("../../../tests/tests/tls/for-tests-only-expired.cert.pem");
        let certificate = CertificateDer::from_pem_slice(pem).unwrap();
        assert_eq!(end(&certificate).unwrap().to_string(), "2020-02-01T00:00:00.000Z");
        assert!(end(&CertificateDer::from(&b"nonsense"[..])).is_none());
    }

    #[test]
    fn the_last_two_weeks_and_what_comes_after_are_told() {
        let (end, day) = (Timestamp::from_millis(1_000_000_000_000), 24 * 3_600 * 1_000);
        let before = |millis| warning(end, Timestamp::from_millis(end.as_millis() - millis));
        assert_eq!(before(15 * day), None);
        assert_eq!(before(14 * day), None);
        assert!(before(14 * day - 1).unwrap().contains("within 14 days"));
        assert!(before(1).unwrap().contains("within 14 days"));
        assert!(before(0).unwrap().contains("has expired"));
        assert!(before(-day).unwrap().contains("has expired"));
    }
}
