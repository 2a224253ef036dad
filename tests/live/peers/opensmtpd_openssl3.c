// SPDX-License-Identifier: Apache-2.0
// OpenSMTPD 6.8, as Debian 12 has it, cannot offer TLS with OpenSSL 3: it marks a key through EVP_PKEY_get1_RSA() or
// EVP_PKEY_get1_EC_KEY(), which since OpenSSL 3 hand out a copy, so the mark is lost and the handshake ends with
// "missing private key" (OpenSMTPD's issue 1171; mended there in 7.3 by setting the changed key explicitly).
// Loaded before it, this does the same from outside: what is handed out becomes the key.
#define _GNU_SOURCE
#define OPENSSL_SUPPRESS_DEPRECATED
#include <dlfcn.h>
#include <openssl/evp.h>

RSA *EVP_PKEY_get1_RSA(EVP_PKEY *key) {
  RSA *(*original)(EVP_PKEY *) = (RSA * (*)(EVP_PKEY *)) dlsym(RTLD_NEXT, "EVP_PKEY_get1_RSA");
  RSA *rsa = original(key);
  if (rsa) EVP_PKEY_set1_RSA(key, rsa);
  return rsa;
}

EC_KEY *EVP_PKEY_get1_EC_KEY(EVP_PKEY *key) {
  EC_KEY *(*original)(EVP_PKEY *) = (EC_KEY * (*)(EVP_PKEY *)) dlsym(RTLD_NEXT, "EVP_PKEY_get1_EC_KEY");
  EC_KEY *curve_key = original(key);
  if (curve_key) EVP_PKEY_set1_EC_KEY(key, curve_key);
  return curve_key;
}
