//! The words, by group. Lower case, one or two words each, in the languages of those who write them.

use super::Context;

macro_rules! contexts {
    ($($(#[$doc:meta])* $name:ident: $($word:literal)+;)*) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        enum Place { $($name),* }
        $($(#[$doc])* pub(in super::super) const $name: Context = Context(1 << Place::$name as u32);)*
        /// Every group with its words.
        pub(super) static ALL: &[(Context, &[&str])] = &[$(($name, &[$($word),+])),*];
    };
}

contexts! {
    // Payment.
    CARD: "card" "cards" "cardnumber" "cardno" "ccnum" "ccn" "credit" "debit" "creditcard" "debitcard" "cc"
        "visa" "mastercard" "amex" "discover" "maestro" "diners" "jcb" "unionpay" "kreditkarte"
        "kreditkartennummer" "karte" "kartennummer" "carte" "tarjeta" "carta" "cartão" "cartao" "kaart"
        "kaartnummer" "creditcardnummer" "karta" "karty" "kort" "kortnummer" "kortti" "korttinumero" "kart"
        "kredi" "카드" "信用卡" "卡号" "カード";
    CARD_EXPIRY: "expiry" "expires" "expiration" "exp" "expdate" "expirydate" "valid" "thru" "gültig"
        "ablaufdatum" "ablauf" "expire" "expira" "caducidad" "vencimiento" "scadenza" "validade" "vervaldatum"
        "geldig" "ważna" "ważności" "giltig" "utløpsdato" "voimassa";
    CVV: "cvv" "cvv2" "cvc" "cvc2" "cvn" "cid" "csc" "security code" "card code" "verification code"
        "sicherheitscode" "prüfnummer" "prüfziffer" "cryptogramme" "código seguridad" "beveiligingscode";
    PIN: "pin" "pincode" "pins" "geheimzahl" "pinkod" "pinkode" "pin-kod" "passcode" "sim-pin" "暗証番号";
    IBAN: "iban" "ibans";
    SWIFT: "swift" "bic" "swiftcode" "biccode" "swiftbic" "bicswift" "bic-code" "swift-code";
    ROUTING: "routing" "aba" "rtn" "routingnumber" "transit" "ach" "bankleitzahl";
    BANK_ACCOUNT: "account" "acct" "accounts" "accountnumber" "accountno" "checking" "savings" "konto"
        "kontonummer" "bankkonto" "bankverbindung" "compte" "cuenta" "conto" "conta" "rekening"
        "rekeningnummer" "rachunek" "rachunku" "bankrekening" "tilinumero" "hesap" "口座" "账号" "계좌";
    SORT_CODE: "sort code" "sortcode" "sort";

    // Person and contact.
    PHONE: "phone" "phones" "phonenumber" "phoneno" "telephone" "tel" "telf" "tlf" "telefon" "telefono"
        "teléfono" "téléphone" "telephone" "telefone" "telefoon" "telefonnummer" "telefoonnummer" "telefonnr"
        "rufnummer" "puhelin" "puhelinnumero" "mobile" "mobil" "mobiltelefon" "mobilnummer" "mobiel" "móvil"
        "movil" "celular" "cellphone" "cellulare" "handy" "handynummer" "gsm" "fax"
        "whatsapp" "sms" "telepono" "cep" "komórka" "komórkowy" "hotline"
        "phn" "fon" "msisdn" "anruf" "erreichbar" "llámame" "llamar" "appeler" "joindre"
        "chiamare" "bellen" "τηλέφωνο" "телефон" "тел" "телефону" "هاتف" "טלפון" "फोन" "電話" "携帯" "电话"
        "手机" "전화" "휴대폰" "연락처" "โทร";
    /// Words that speak of calls, and of much else.
    PHONE_WEAK: "call" "dial" "callback" "contact" "ring" "reach" "portable" "cell" "text me" "numéro" "nummer"
        "número" "numero" "numer" "番号";
    BIRTH: "born" "birth" "birthday" "birthdate" "dob" "geboren" "geburtsdatum" "geburtstag" "geb"
        "né" "née" "naissance" "nacido" "nacida" "nacimiento" "nato" "nata" "nascita" "nascido" "nascida"
        "nascimento" "geboortedatum" "urodzony" "urodzona" "urodzenia" "född" "födelsedatum" "født"
        "fødselsdato" "syntynyt" "syntymäaika" "doğum" "doğumlu" "γέννησης" "рождения" "родился" "родилась"
        "生年月日" "生まれ" "出生" "생년월일" "출생";
    AGE: "age" "aged" "alter" "âge" "edad" "età" "idade" "leeftijd" "wiek" "ålder" "ikä" "yaş";

    // United States.
    SSN: "ssn" "ssns" "ssnumber" "ssno" "social security" "socialsecurity" "soc sec";
    ITIN: "itin" "individual taxpayer" "taxpayer" "tin";
    EIN: "ein" "fein" "employer identification" "employer id" "federal tax" "tax id" "irs";
    DRIVER_LICENSE: "driver license" "drivers license" "driver licence" "drivers licence" "driving licence"
        "driving license" "driving permit" "dl" "dln" "dlno" "driverlicense" "driverslicense" "license number"
        "licence number" "license no" "licence no" "führerschein" "führerscheinnummer" "permis" "patente"
        "rijbewijs" "rijbewijsnummer" "carnet" "prawo jazdy" "körkort" "førerkort" "kørekort" "ajokortti"
        "ehliyet" "cnh" "운전면허" "면허" "免許" "驾驶证";
    MBI: "mbi" "medicare" "beneficiary";
    NPI: "npi" "provider identifier" "national provider";
    DEA: "dea" "dea number" "prescriber";
    MRN: "mrn" "medical record" "medicalrecord" "record number" "patient id" "patientid" "patient number"
        "chart number" "patientennummer" "fallnummer" "dossier" "medrec" "chart";
    HEALTH_INSURANCE: "health insurance" "insurance id" "insurance number" "member id" "memberid" "policy number"
        "subscriber id" "krankenversicherung" "krankenversichertennummer" "versichertennummer" "kvnr"
        "health plan" "ehic" "mutuelle";

    // Europe.
    NINO: "nino" "national insurance" "ni number" "nin" "insurance number" "ni no";
    NHS: "nhs" "national health" "health service";
    UK_TAX: "utr" "taxpayer reference" "tax reference" "self assessment";
    POSTCODE: "postcode" "post code" "postal code" "zip" "zipcode" "plz" "postleitzahl";
    DE_TAX: "steuer-id" "steuer id" "steuerid" "steuer" "steueridentifikationsnummer" "identifikationsnummer"
        "idnr" "steuernummer" "steuerliche" "tin" "tax id" "tax number" "tax identification";
    DE_ID: "personalausweis" "ausweis" "ausweisnummer" "personalausweisnummer" "perso" "identity card" "id card";
    DE_SOCIAL: "sozialversicherungsnummer" "rentenversicherungsnummer" "sv-nummer" "svnr" "rvnr"
        "sozialversicherung" "versicherungsnummer" "rentenversicherung";
    NIR: "nir" "sécurité sociale" "securite sociale" "sécu" "insee" "carte vitale" "numéro sécurité";
    ES_ID: "dni" "nif" "nie" "documento" "identidad" "documento identidad";
    FISCAL_CODE: "codice fiscale" "fiscale" "cf" "codicefiscale";
    IT_VAT: "partita iva" "p iva" "piva" "iva";
    IT_ID: "carta identità" "identità" "identita";
    BSN: "bsn" "burgerservicenummer" "sofinummer" "burgerservice";
    PESEL: "pesel";
    PL_NIP: "nip";
    PL_REGON: "regon";
    PL_ID: "dowód" "dowodu" "dowod" "osobisty" "osobistego";
    PERSONNUMMER: "personnummer" "personnr" "pnr" "samordningsnummer" "swedish id" "svenskt";
    ORGNR: "organisationsnummer" "orgnr" "org.nr" "orgnum" "organisasjonsnummer" "org nr";
    HETU: "hetu" "henkilötunnus" "henkilötunnukseni" "henkilotunnus" "sotu" "personbeteckning";
    NO_FNR: "fødselsnummer" "fodselsnummer" "fnr" "personnummer" "d-nummer" "dnummer";
    CPR: "cpr" "cpr-nr" "cpr-nummer" "cprnr" "personnummer";
    PT_NIF: "nif" "contribuinte" "nipc";
    BE_NRN: "rijksregisternummer" "rijksregister" "registre national" "nrn" "insz" "niss" "national number"
        "nationaal nummer";
    AHV: "ahv" "avs" "ahv-nummer" "ahvn" "navs" "avs-nummer" "sozialversicherungsnummer";
    AT_SV: "svnr" "sozialversicherungsnummer" "sv-nummer" "versicherungsnummer";
    PPS: "pps" "ppsn" "pps number" "personal public";
    CZ_RC: "rodné číslo" "rodne cislo" "rč" "rodné" "rodného";
    RO_CNP: "cnp" "cod numeric" "numeric personal";
    BG_EGN: "egn" "егн";
    HR_OIB: "oib";
    GR_AFM: "afm" "αφμ" "amka" "αμκα";
    HU_TAJ: "taj" "taj-szám" "tajszám";
    LT_AK: "asmens kodas" "isikukood" "asmens";

    // Elsewhere.
    SIN: "sin" "social insurance" "nas" "assurance sociale";
    TFN: "tfn" "tax file";
    AU_MEDICARE: "medicare" "medicare card" "medicarecard";
    ABN: "abn" "business number" "australian business";
    ACN: "acn" "company number" "australian company";
    CPF: "cpf" "cadastro" "pessoa física";
    CNPJ: "cnpj" "cadastro";
    BR_RG: "rg" "registro geral" "identidade";
    CURP: "curp";
    RFC: "rfc";
    CL_RUT: "rut" "run";
    AR_DNI: "dni" "cuit" "cuil" "documento";
    AADHAAR: "aadhaar" "aadhar" "adhar" "uidai" "uid" "आधार";
    PAN_IN: "pan" "permanent account" "pan card";
    GSTIN: "gstin" "gst" "gstins";
    VOTER: "voter" "epic" "voterid" "elector";
    NRIC: "nric" "fin" "nric/fin" "singapore" "fin number";
    RRN: "rrn" "resident registration" "주민등록번호" "주민번호" "주민" "외국인등록번호" "frn" "foreigner registration";
    KR_BRN: "brn" "business registration" "사업자등록번호" "사업자";
    MY_NUMBER: "my number" "mynumber" "individual number" "マイナンバー" "個人番号";
    RESIDENT_ID: "身份证" "身份證" "居民身份证" "resident identity" "resident id" "identity number" "chinese id"
        "id number" "身份证号码" "公民身份" "证件";
    TCKN: "tckn" "tc" "kimlik" "tc kimlik" "vatandaşlık";
    ZA_ID: "south african" "rsa id" "said" "rsa" "identity number" "id number" "sa id";
    TH_ID: "thai" "บัตรประชาชน" "ประชาชน" "ประจำตัว" "thai id" "tnin";
    NATIONAL_ID: "national id" "nationalid" "identity card" "id card" "identity number" "identification number"
        "id number" "citizen id" "personal id" "personal number" "national identification" "identity no" "id no"
        "identity document" "personalausweis" "cédula" "cedula" "documento" "dni" "cni" "identité"
        "identiteitskaart" "nik" "ktp" "cnic" "nid" "teudat" "身份证" "身分證" "統一編號"
        "주민등록번호" "kimlik" "dowód" "osobisty" "personnummer" "isikukood" "personas kods" "egn" "oib"
        "jmbg" "emšo" "rodné číslo" "personnel id" "identidad" "identità" "identidade" "idnumber";
    TAX_ID: "tax id" "taxid" "tax number" "tin" "taxpayer" "tax identification" "tax no" "taxpayer id"
        "steuernummer" "steuer-id" "numéro fiscal" "fiscal" "nif" "cif" "skattenummer" "nip" "inn" "инн" "utr"
        "vergi" "tax reference" "税号" "納税者";
    VAT: "vat" "vatid" "vat id" "vat number" "vat no" "ust-id" "ustid" "ust-idnr" "ustidnr" "umsatzsteuer" "uid"
        "tva" "iva" "p iva" "partita iva" "btw" "btw-nummer" "btw-id" "moms" "momsnr" "nip" "mva" "alv"
        "mwst" "mwst-nr" "kdv" "αφμ" "áfa" "dič" "dph" "gst" "vatin" "nif" "rut" "cuit" "rfc" "nit" "ruc" "rif"
        "cnpj" "rnc" "rtn";
    PASSPORT: "passport" "passports" "passportnumber" "passportno" "travel document" "traveldocument"
        "reisepass" "reisepassnummer" "passnummer" "pass-nr" "pass nr" "pass number" "pass no" "passeport"
        "pasaporte" "passaporto" "passaporte" "paspoort" "paspoortnummer" "paszport" "paszportu" "passi"
        "passinumero" "pasaport" "pas" "pasnummer" "passnr" "útlevél" "pașaport" "διαβατήριο" "паспорт"
        "паспорта" "загранпаспорт" "여권" "パスポート" "旅券" "护照" "護照";

    // Technical.
    IMEI: "imei" "meid" "imeisv" "device" "handset";
    VIN: "vin" "vehicle identification" "chassis" "fin" "fahrgestellnummer" "fahrzeugidentifikationsnummer"
        "bastidor" "telaio" "châssis" "chassisnummer" "nadwozia";
    PLATE: "plate" "plates" "license plate" "licence plate" "number plate" "licenseplate" "platenumber"
        "numberplate" "registration" "reg" "vrm" "vrn" "kennzeichen" "nummernschild" "immatriculation" "plaque"
        "matrícula" "matricula" "targa" "kenteken" "placa" "rejestracyjny" "rejestracyjna" "rejestracja"
        "registreringsnummer" "regnr" "rekisterinumero" "rekisteritunnus" "nummerplade" "plaka" "plakası"
        "rendszám" "tablica" "車番" "车牌" "車牌" "차량번호";
    MAC: "mac" "ethernet" "hwaddr" "ether" "bssid" "physical address";
    GEO: "gps" "lat" "latitude" "lon" "lng" "longitude" "coordinates" "coords" "coordinate" "location" "geo"
        "latlng" "latlon" "koordinaten" "coordenadas" "coordonnées" "coordinate" "position" "standort";
    IP: "ip" "ipv4" "ipv6" "ipaddress" "address" "host" "server" "remote" "client" "addr" "peer" "gateway" "dns";

    /// Words before numbers that only look like something: a version, an order, a book.
    VERSION: "version" "versions" "ver" "v" "release" "build" "firmware" "windows" "kernel" "driver" "sdk"
        "revision" "rev" "oid" "asn" "section" "chapter" "rfc" "§" "patch" "upgrade" "tag" "assembly" "runtime"
        "fileversion" "productversion" "assemblyversion" "nuget" "chrome" "firefox" "safari" "edge" "macos"
        "ios" "android" "python" "java" "node";
    OTHER_NUMBER: "order" "orders" "orderid" "tracking" "trackingnumber" "shipment" "parcel" "isbn" "issn" "ean"
        "gtin" "upc" "asin" "sku" "serial" "invoice" "batch" "reference" "ref" "ticket" "case" "transaction"
        "txn" "trace" "request" "requestid" "session" "timestamp" "build" "commit" "model" "part" "lot" "uuid"
        "hash" "checksum" "epoch" "snowflake" "message" "msgid" "bestellung" "bestellnummer"
        "sendungsnummer" "rechnung" "rechnungsnummer" "commande" "pedido" "factura" "ordine" "fattura" "zamówienie"
        "faktura" "bestelling" "factuur" "sum" "total" "error" "code" "bytes" "address" "line" "page" "offset"
        "size" "count" "seed";
    /// Words for identifiers that are nobody's secret.
    ID: "id" "ids" "uid" "guid" "pk" "key" "index";
}
