/** AMD's key distribution service. Source: AMD 57230. */
export const KDS_URL = 'https://kdsintf.amd.com';
