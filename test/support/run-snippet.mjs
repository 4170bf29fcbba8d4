// Loaded before a program of a page: it ends well once it has run to its last line and, if it serves, listens.
// Port 3000 of the pages becomes any free one.
import { Server } from 'node:net';

let hasRun = false;
let isListening = false;
const listen = Server.prototype.listen;
Server.prototype.listen = function (...args) {
  if (args[0] === 3000) args[0] = 0;
  this.once('listening', () => {
    isListening = true;
    endWhenDone();
  });
  return listen.apply(this, args);
};
process.once('snippet:end', () => {
  hasRun = true;
  endWhenDone();
});

function endWhenDone() {
  if (hasRun && isListening) setImmediate(() => process.exit(0));
}
