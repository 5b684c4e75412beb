"""The data of a run's page, in the form of `web/src/payload.ts`."""
