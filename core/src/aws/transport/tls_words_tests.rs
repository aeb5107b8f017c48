use std::sync::Arc;

use rustls::{
    ContentType, EncryptedClientHelloError, HandshakeType, InconsistentKeys, InvalidMessage, OtherError,
    PeerIncompatible, PeerMisbehaved,
};

use super::*;

/// No name of anybody's code, nothing that Rust prints for programmers.
fn assert_plain(words: &str) {
    assert!(!words.chars().any(|c| "{}[]\"".contains(c)), "{words}");
    for word in words.split(|c: char| !c.is_ascii_alphanumeric()) {
        let camel =
            word.as_bytes().windows(2).any(|w| w[0].is_ascii_lowercase() && w[1].is_ascii_uppercase());
        assert!(!camel, "{word} in {words}");
    }
    assert!(words.len() < 250 && !words.ends_with([' ', ':']), "{words}");
}

#[derive(Debug, Clone)]
struct CaUsedAsEndEntity;
#[derive(Debug, Clone)]
#[allow(dead_code, reason = "it is printed")]
struct MaximumPathDepthExceeded(Vec<u8>);

macro_rules! an_error {
    ($($name:ident),*) => { $(impl std::fmt::Display for $name {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { write!(f, "{self:?}") }
    }
    impl std::error::Error for $name {})* };
}
an_error!(CaUsedAsEndEntity, MaximumPathDepthExceeded);

#[allow(deprecated)]
fn flaws() -> Vec<CertificateError> {
    use CertificateError::*;
    let (time, bytes) = (UnixTime::since_unix_epoch(Duration::from_secs(1)), vec![1, 2]);
    vec![
        BadEncoding,
        Expired,
        ExpiredContext { time, not_after: time },
        NotValidYet,
        NotValidYetContext { time, not_before: time },
        Revoked,
        UnhandledCriticalExtension,
        UnknownIssuer,
        UnknownRevocationStatus,
        ExpiredRevocationList,
        ExpiredRevocationListContext { time, next_update: time },
        BadSignature,
        UnsupportedSignatureAlgorithm,
        UnsupportedSignatureAlgorithmContext {
            signature_algorithm_id: bytes.clone(),
            supported_algorithms: vec![],
        },
        UnsupportedSignatureAlgorithmForPublicKeyContext {
            signature_algorithm_id: bytes.clone(),
            public_key_algorithm_id: bytes.clone(),
        },
        NotValidForName,
        NotValidForNameContext {
            expected: "a.example".try_into().unwrap(),
            presented: vec!["DnsName(\"b\")".into()],
        },
        InvalidPurpose,
        InvalidPurposeContext { required: rustls::ExtendedKeyPurpose::ServerAuth, presented: vec![] },
        InvalidOcspResponse,
        ApplicationVerificationFailure,
        Other(OtherError(Arc::new(CaUsedAsEndEntity))),
        Other(OtherError(Arc::new(MaximumPathDepthExceeded(bytes)))),
    ]
}

fn errors() -> Vec<Error> {
    let mut all: Vec<Error> = flaws().into_iter().map(Error::InvalidCertificate).collect();
    all.extend((0..=255).map(|number| Error::AlertReceived(AlertDescription::from(number))));
    {
        use PeerMisbehaved::*;
        all.extend(
            [
                AttemptedDowngradeToTls12WhenTls13IsSupported,
                BadCertChainExtensions,
                CipherSuiteDifferedOnRetry,
                DisallowedEncryptedExtension,
                DuplicateClientHelloExtensions,
                DuplicateEncryptedExtensions,
                DuplicateHelloRetryRequestExtensions,
                DuplicateNewSessionTicketExtensions,
                DuplicateServerHelloExtensions,
                DuplicateServerNameTypes,
                EarlyDataAttemptedInSecondClientHello,
                EarlyDataExtensionWithoutResumption,
                EarlyDataOfferedWithVariedCipherSuite,
                EchAcceptanceVariedAfterRetry,
                HandshakeHashVariedAfterRetry,
                IllegalHelloRetryRequestWithEmptyCookie,
                IllegalHelloRetryRequestWithNoChanges,
                IllegalHelloRetryRequestWithOfferedGroup,
                IllegalHelloRetryRequestWithUnofferedCipherSuite,
                IllegalHelloRetryRequestWithUnofferedNamedGroup,
                IllegalHelloRetryRequestWithUnsupportedVersion,
                IllegalHelloRetryRequestWithWrongSessionId,
                IllegalHelloRetryRequestWithInvalidEch,
                IllegalMiddleboxChangeCipherSpec,
                IllegalTlsInnerPlaintext,
                IncorrectBinder,
                InvalidCertCompression,
                InvalidMaxEarlyDataSize,
                InvalidKeyShare,
                KeyEpochWithPendingFragment,
                KeyUpdateReceivedInQuicConnection,
                MessageInterleavedWithHandshakeMessage,
                MissingBinderInPskExtension,
                MissingKeyShare,
                MissingPskExtensionInSecondClientHello,
                MissingPskModesExtension,
                MissingQuicTransportParameters,
                OfferedDuplicateCertificateCompressions,
                OfferedDuplicateKeyShares,
                OfferedEarlyDataWithOldProtocolVersion,
                OfferedEmptyApplicationProtocol,
                OfferedIncorrectCompressions,
                PskExtensionMustBeLast,
                PskExtensionWithMismatchedIdsAndBinders,
                RefusedToFollowHelloRetryRequest,
                RejectedEarlyDataInterleavedWithHandshakeMessage,
                ResumptionAttemptedWithVariedEms,
                ResumptionOfferedWithVariedCipherSuite,
                ResumptionOfferedWithVariedEms,
                ResumptionOfferedWithIncompatibleCipherSuite,
                SelectedDifferentCipherSuiteAfterRetry,
                SelectedInvalidPsk,
                SelectedTls12UsingTls13VersionExtension,
                SelectedUnofferedApplicationProtocol,
                SelectedUnofferedCertCompression,
                SelectedUnofferedCipherSuite,
                SelectedUnofferedCompression,
                SelectedUnofferedKxGroup,
                SelectedUnofferedPsk,
                SelectedUnusableCipherSuiteForVersion,
                ServerEchoedCompatibilitySessionId,
                ServerHelloMustOfferUncompressedEcPoints,
                ServerNameDifferedOnRetry,
                ServerNameMustContainOneHostName,
                SignedKxWithWrongAlgorithm,
                SignedHandshakeWithUnadvertisedSigScheme,
                TooManyEmptyFragments,
                TooManyKeyUpdateRequests,
                TooManyRenegotiationRequests,
                TooManyWarningAlertsReceived,
                TooMuchEarlyDataReceived,
                UnexpectedCleartextExtension,
                UnsolicitedCertExtension,
                UnsolicitedEncryptedExtension,
                UnsolicitedSctList,
                UnsolicitedServerHelloExtension,
                WrongGroupForKeyShare,
                UnsolicitedEchExtension,
            ]
            .map(Error::PeerMisbehaved),
        );
    }
    {
        use PeerIncompatible::*;
        all.extend(
            [
                EcPointsExtensionRequired,
                ExtendedMasterSecretExtensionRequired,
                IncorrectCertificateTypeExtension,
                KeyShareExtensionRequired,
                NamedGroupsExtensionRequired,
                NoCertificateRequestSignatureSchemesInCommon,
                NoCipherSuitesInCommon,
                NoEcPointFormatsInCommon,
                NoKxGroupsInCommon,
                NoSignatureSchemesInCommon,
                NullCompressionRequired,
                ServerDoesNotSupportTls12Or13,
                ServerSentHelloRetryRequestWithUnknownExtension,
                ServerTlsVersionIsDisabledByOurConfig,
                SignatureAlgorithmsExtensionRequired,
                SupportedVersionsExtensionRequired,
                Tls12NotOffered,
                Tls12NotOfferedOrEnabled,
                Tls13RequiredForQuic,
                UncompressedEcPointsRequired,
                UnsolicitedCertificateTypeExtension,
                ServerRejectedEncryptedClientHello(None),
            ]
            .map(Error::PeerIncompatible),
        );
    }
    {
        use InvalidMessage::*;
        all.extend(
            [
                CertificatePayloadTooLarge,
                HandshakePayloadTooLarge,
                InvalidCcs,
                InvalidContentType,
                InvalidCertificateStatusType,
                InvalidCertRequest,
                InvalidDhParams,
                InvalidEmptyPayload,
                InvalidKeyUpdate,
                InvalidServerName,
                MessageTooLarge,
                MessageTooShort,
                MissingKeyExchange,
                NoSignatureSchemes,
                UnknownProtocolVersion,
                UnsupportedCompression,
                UnsupportedCurveType,
                EmptyTicketValue,
                IllegalEmptyValue,
                PreSharedKeyIsNotFinalExtension,
                UnknownHelloRetryRequestExtension,
                UnknownCertificateExtension,
                MissingData("X"),
                DuplicateExtension(7),
            ]
            .map(Error::InvalidMessage),
        );
    }
    all.extend([
        Error::InappropriateMessage { expect_types: vec![], got_type: ContentType::Alert },
        Error::InappropriateHandshakeMessage { expect_types: vec![], got_type: HandshakeType::Finished },
        Error::InvalidEncryptedClientHello(EncryptedClientHelloError::InvalidConfigList),
        Error::NoCertificatesPresented,
        Error::UnsupportedNameType,
        Error::DecryptError,
        Error::EncryptError,
        Error::InvalidCertRevocationList(rustls::CertRevocationListError::BadSignature),
        Error::General("unexpected error: BadDer { at: 7 }".into()),
        Error::FailedToGetCurrentTime,
        Error::FailedToGetRandomBytes,
        Error::HandshakeNotComplete,
        Error::PeerSentOversizedRecord,
        Error::NoApplicationProtocol,
        Error::BadMaxFragmentSize,
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch),
        Error::Other(OtherError(Arc::new(MaximumPathDepthExceeded(vec![1])))),
    ]);
    all
}

#[test]
fn field_14_whatever_tls_says_is_told_in_words() {
    for error in errors() {
        assert_plain(&handshake(&error, "states.example"));
    }
    flaws().iter().for_each(|error| assert_plain(&flaw(error)));
}

#[test]
fn field_14_the_usual_flaws_have_words_of_their_own() {
    let told = |error: &Error| handshake(error, "x");
    let alert = |alert| told(&Error::AlertReceived(alert));
    assert_eq!(alert(AlertDescription::CertificateRequired), "x asks for a certificate of this device");
    assert_eq!(
        alert(AlertDescription::UnknownCA),
        "x does not accept the certificate of this device: unknown CA"
    );
    assert_eq!(alert(AlertDescription::UnknownPSKIdentity), "x ended TLS: unknown PSK identity");
    assert_eq!(alert(AlertDescription::from(200)), "x ended TLS (alert 200)");
    assert_eq!(
        told(&Error::PeerMisbehaved(PeerMisbehaved::TooManyKeyUpdateRequests)),
        "x breaks the rules of TLS: too many key update requests"
    );
    assert_eq!(flaw(&flaws()[21]), "it is a CA's own, and a server's must be signed by one");
    assert_eq!(flaw(&flaws()[22]), "maximum path depth exceeded");
}
