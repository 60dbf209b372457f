// Original file: proto/work.proto


export interface Moments {
  'shards'?: (number)[];
  'sumRounder'?: (number | string);
  'outerRounder'?: (number | string);
}

export interface Moments__Output {
  'shards': (number)[];
  'sumRounder': (number);
  'outerRounder': (number);
}
