import { expect } from 'chai';
import { packFrames, unpackFrames } from '../../lib/cluster/brokers/rocketmq-message';

describe('rocketmq: the frames of one message', () => {
  const frames = (count: number): Buffer[] => Array.from({ length: count }, (_each, index) => Buffer.from(`f${index}`));

  it('come out as they went in, as many as are ever sent together', () => {
    expect(unpackFrames(packFrames(frames(500))).map(String)).to.deep.equal(frames(500).map(String));
  });

  it('end where the message was cut', () => {
    const whole = packFrames(frames(3));
    expect(unpackFrames(whole.subarray(0, -1)).map(String)).to.deep.equal(['f0', 'f1']);
    expect(unpackFrames(whole.subarray(0, 3))).to.deep.equal([]);
  });

  it('are few, whatever somebody else has written there', () => {
    expect(unpackFrames(Buffer.alloc(4 * 1024 * 1024))).to.deep.equal([]);
    expect(unpackFrames(Buffer.concat([packFrames(frames(2)), Buffer.alloc(1024)]))).to.have.length(2);
    const ones = Buffer.alloc(4 * 1024 * 1024, Buffer.from([0, 0, 0, 1, 1]));
    expect(unpackFrames(ones).length).to.be.at.most(4000);
  });
});
