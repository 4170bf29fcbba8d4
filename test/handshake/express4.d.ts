/** Express 4 under its alias; its types are those of Express 5, which are the same where tests touch them. */
declare module 'express4' {
  import express = require('express');
  export = express;
}
