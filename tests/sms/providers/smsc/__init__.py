"""An SMSC that somebody else wrote: npm's `smpp`, run by node, as `smsc.js` says."""
